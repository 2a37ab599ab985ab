"""Waits until something happens, from a thread or in a loop; what never does fails the test.

The limit is for what hangs: a busy machine may take half of it.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import redis

PATIENCE = 30.0
# What a backend needs whose calls are to succeed, or to keep their connection, on any machine.
PATIENT: dict[str, Any] = {
    "budget": 30.0,
    "timeout": 20.0,
    "connect_timeout": 20.0,
    "breaker_after": 20.0,
}
_PAUSE = 0.005


def wait_for(condition: Callable[[], object], what: str = "it", within: float = PATIENCE) -> None:
    deadline = time.monotonic() + within
    while not condition():
        assert time.monotonic() < deadline, f"{what} never happened"
        time.sleep(_PAUSE)


async def reached(
    condition: Callable[[], object], what: str = "it", within: float = PATIENCE
) -> None:
    deadline = time.monotonic() + within
    while not condition():
        assert time.monotonic() < deadline, f"{what} never happened"
        await asyncio.sleep(_PAUSE)


def wait_until(condition: Callable[[], object], what: str, patience: float = PATIENCE) -> float:
    """Wait until a condition holds, whatever it raises before, and return how long that took."""
    begun = time.monotonic()
    said: object = "it was never so"
    while time.monotonic() < begun + patience:
        try:
            if condition():
                return time.monotonic() - begun
        except (redis.RedisError, OSError, ConnectionError) as error:
            said = error
        time.sleep(0.01)
    raise AssertionError(f"{what}: not within {patience:g} s ({said})")


def pass_by(*moments: datetime) -> None:
    """Wait until these moments have passed."""
    wait_for(lambda: datetime.now(UTC) >= max(moments))


async def passed_by(*moments: datetime) -> None:
    """Wait until these moments have passed."""
    await reached(lambda: datetime.now(UTC) >= max(moments))
