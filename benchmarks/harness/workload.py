"""Scopes, keys and values as Airflow's tasks have them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import cycle, islice
from typing import TypeVar

from redis_state import TaskScope

T = TypeVar("T")

DAG = "sales_report"
RUN = "scheduled__2026-01-01T00:00:00+00:00"
KEYS = tuple(f"checkpoint_{number}" for number in range(10))
SIZES = {"20 B": 20, "1 KiB": 1024, "64 KiB": 65_536}


def scope(number: int, map_index: int = -1) -> TaskScope:
    """Return the instance of one of many tasks."""
    return TaskScope(DAG, RUN, f"load_region_{number}", map_index)


def keys(count: int) -> list[str]:
    """Return as many keys of one instance, which come again and again."""
    return list(islice(cycle(KEYS), count))


def value(size: int) -> str:
    """Return a JSON document of exactly ``size`` bytes."""
    start, end = '{"cursor": "', '"}'
    return start + "x" * (size - len(start) - len(end)) + end


def deadline() -> datetime:
    """Return a moment that no run reaches."""
    return datetime.now(UTC) + timedelta(days=30)


def sets_and_gets(
    put: Callable[..., T], get: Callable[..., T], scope: TaskScope, pairs: int
) -> list[Callable[[], T]]:
    """Return the calls that set 20 B with expiry and get it back, key by key."""
    small, expires_at = value(20), deadline()
    return [
        call
        for key in keys(pairs)
        for call in (
            partial(put, scope, key, small, expires_at=expires_at),
            partial(get, scope, key),
        )
    ]


def counted(count: int, what: str) -> str:
    """Return a number with its noun."""
    return f"{count:,} {what}" if count == 1 else f"{count:,} {what}s"
