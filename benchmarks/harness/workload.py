"""Scopes, keys and values as Airflow's tasks have them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import cycle, islice

from redis_state import TaskScope

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


def counted(count: int, what: str) -> str:
    """Return a number with its noun."""
    return f"{count:,} {what}" if count == 1 else f"{count:,} {what}s"
