"""Scopes, keys and values as Airflow's tasks have them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from redis_state import TaskScope

KEYS = tuple(f"checkpoint_{number}" for number in range(10))
_RUN = "scheduled__2026-01-01T00:00:00+00:00"


def scope(number: int, map_index: int = -1) -> TaskScope:
    """Return the instance of one of many tasks."""
    return TaskScope("sales_report", _RUN, f"load_region_{number}", map_index)


def value(size: int) -> str:
    """Return a JSON document of exactly ``size`` bytes."""
    start, end = '{"cursor": "', '"}'
    return start + "x" * (size - len(start) - len(end)) + end


def deadline() -> datetime:
    """Return a moment that no run reaches."""
    return datetime.now(UTC) + timedelta(days=30)
