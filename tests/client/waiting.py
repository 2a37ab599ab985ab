"""Waits until something happens, from a thread or in a loop; what never does fails the test."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Callable
from types import FrameType

from redis_state.client import sync_lane

PATIENCE = 10.0


def wait_for(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, "it never happened"
        time.sleep(0.005)


async def reached(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, "it never happened"
        await asyncio.sleep(0.005)


def on_the_lane() -> int:
    """Count the threads that are in a call of a lane now."""
    return sum(map(_is_on_the_lane, sys._current_frames().values()))


def _is_on_the_lane(frame: FrameType | None) -> bool:
    while frame is not None:
        if frame.f_code.co_filename == sync_lane.__file__:
            return True
        frame = frame.f_back
    return False
