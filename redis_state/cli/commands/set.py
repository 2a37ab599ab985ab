"""``redis-state set``."""

from __future__ import annotations

import argparse
from datetime import UTC, datetime, timedelta
from functools import partial

from redis_state.admin.store import Store
from redis_state.airflow.config import default_retention_days
from redis_state.cli import exits, texts
from redis_state.cli.context import overlapping
from redis_state.cli.parsing import UsageError
from redis_state.cli.scopes import scope_of
from redis_state.cli.state import State
from redis_state.cli.values import value_of
from redis_state.scopes import StateScope, TaskScope


def run(given: argparse.Namespace) -> int:
    """Write a value."""
    return overlapping(given, partial(_set, given, scope_of(given), value_of(given)))


async def _set(given: argparse.Namespace, scope: StateScope, value: str, store: Store) -> int:
    retention = _retention(given, scope)
    state = await State.find(store, scope)
    expires_at = None if retention is None else datetime.now(UTC) + retention
    await state.set(given.key, value, expires_at)
    return exits.DONE


def _retention(given: argparse.Namespace, scope: StateScope) -> timedelta | None:
    if given.retention is not None and given.never_expire:
        raise UsageError("--retention and --never-expire exclude each other: use one of them.")
    if not isinstance(scope, TaskScope):
        if given.retention is not None:
            raise UsageError("--retention is for tasks: what an asset keeps does not expire.")
        return None
    if given.never_expire:
        return None
    if given.retention is not None:
        return texts.read_duration(given.retention)
    days = default_retention_days()
    if days is None:
        raise UsageError("Say how long to keep it, by --retention 2d or --never-expire.")
    # As if the task had set it.
    return timedelta(days=days) if days else None
