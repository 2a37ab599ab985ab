"""Clears in Redis what has no use any more, after the transaction that said so.

It is done in a thread, for which the transaction waits a moment: long enough for what most of them
delete, and no longer, also if Redis hangs. What is left then goes on behind; the process ends after
it.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator
from threading import Thread
from typing import cast

from airflow.state import get_state_backend

from redis_state.airflow import database_mark
from redis_state.airflow.metrics import meter
from redis_state.airflow.sides import SERVER
from redis_state.backends.server import RedisStateBackend
from redis_state.errors import MisconfiguredError, StateStoreError
from redis_state.format.owner import another_owner
from redis_state.plugin.deletions import Deletions
from redis_state.scopes import AssetScope, StateScope

# A little longer than a call can take in a Redis that hangs.
WAITS = 3.0
# So many failures in a row, and the rest is given up.
_ENOUGH = 3
# So many of what is left over are named in the log.
_NAMED = 20
# The assets that are gone, and cleared: Airflow looks for them every minute.
_cleared: set[int] = set()
_log = logging.getLogger("redis_state.plugin")


def clear(deletions: Deletions) -> None:
    """Clear what a transaction has deleted, and wait for it, but not long."""
    deletions.remember()
    thread = Thread(target=_clear, args=(deletions,), name="redis-state-clearing")
    try:
        thread.start()
    except RuntimeError:
        # The interpreter ends, and begins no threads any more.
        _clear(deletions)
        return
    if not _is_on_a_loop():
        thread.join(WAITS)


def _is_on_a_loop() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


def _clear(deletions: Deletions) -> None:
    if deletions.assets is not None:
        _cleared.intersection_update(deletions.assets)
    left = _left(deletions)
    failed: list[StateScope] = []
    in_a_row = 0
    reason: Exception | None = None
    backend: RedisStateBackend | None = None
    for scope, all_map_indices in left:
        try:
            backend = backend or _own_backend()
            backend.clear(scope, all_map_indices=all_map_indices)
        except Exception as error:  # noqa: BLE001 - Airflow has no better place to tell it
            reason = error
            failed.append(scope)
            in_a_row += 1
            if backend is None or in_a_row == _ENOUGH:
                break
        else:
            in_a_row = 0
            if isinstance(scope, AssetScope) and scope.asset_id is not None:
                _cleared.add(scope.asset_id)
    if reason is not None:
        failed += (scope for scope, _ in left)
        _tell(failed, reason)


def _own_backend() -> RedisStateBackend:
    """Return the backend, if the namespace is ours: to another Airflow, ids mean other assets."""
    backend = cast("RedisStateBackend", get_state_backend())
    database = database_mark.make()
    owner = backend.claim(database)
    if owner.database != database:
        meaning, remedy = another_owner(backend.settings.namespace, owner, database)
        raise MisconfiguredError(f"{meaning}. {remedy}")
    return backend


def _left(deletions: Deletions) -> Iterator[tuple[StateScope, bool]]:
    for scope, all_map_indices in deletions.scopes():
        if not isinstance(scope, AssetScope) or scope.asset_id not in _cleared:
            yield scope, all_map_indices


def _tell(failed: list[StateScope], reason: Exception) -> None:
    for scope in failed[:_NAMED]:
        _log.error("Not cleared in Redis, and there until it expires: the state of %s", scope)
    others = len(failed) - _NAMED
    # What the database says may hold its password.
    why = reason if isinstance(reason, StateStoreError) else f"{type(reason).__name__}."
    _log.error(
        "%sAirflow has deleted it, or marked it as success. %s",
        f"The same holds for {others} others. " if others > 0 else "",
        why,
    )
    if (meter_of_server := meter(SERVER)) is not None:
        meter_of_server.not_cleared(len(failed))
