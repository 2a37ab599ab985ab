"""Whose state a request is about, as the metadata database knows it.

Airflow asks it on the event loop whether a token is revoked, and waits there for a connection of
its pool. So no connection may be held while Redis is waited for, nor while a thread is: a request
looks up all that it needs in one function, which gives its connection back.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Annotated, Any, TypeAlias, TypeVar

from airflow.state import AssetScope, TaskScope
from fastapi import Depends, Query

from redis_state.airflow.run_identity import UNKNOWN, ClosedSession, incarnation
from redis_state.plugin.asked import Asked, AskedToClear
from redis_state.plugin.checked import (
    SessionDep,
    narrow_all_map_indices,
    require_asset,
    require_task,
    require_task_to_clear,
)

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Addressed:
    """A scope, and what is known of it; ``has_run`` is False for a task whose run is not there."""

    scope: TaskScope | AssetScope
    session: ClosedSession
    has_run: bool = True
    all_map_indices: bool = False


def _task(asked: Asked, session: SessionDep) -> Addressed:
    return give_back(session, lambda: _addressed(asked(session, False), session))


def _known_task(asked: Asked, session: SessionDep) -> Addressed:
    return give_back(
        session, lambda: _addressed(require_task(asked(session, False), session), session)
    )


def _cleared_task(
    asked: AskedToClear, session: SessionDep, all_map_indices: Annotated[bool, Query()] = False
) -> Addressed:
    def look_up() -> Addressed:
        scope = asked(session, all_map_indices)
        clears_all = narrow_all_map_indices(scope, session, all_map_indices)
        known = require_task_to_clear(scope, session, clears_all)
        return replace(_addressed(known, session), all_map_indices=clears_all)

    return give_back(session, look_up)


def _known_asset(asset_id: int, session: SessionDep) -> Addressed:
    def look_up() -> Addressed:
        scope = AssetScope(asset_id=require_asset(asset_id, session))
        return Addressed(scope, ClosedSession(session))

    return give_back(session, look_up)


def _addressed(scope: TaskScope, session: Any) -> Addressed:
    has_run = incarnation(session, scope) != UNKNOWN
    return Addressed(scope, ClosedSession(session), has_run)


def give_back(session: Any, look_up: Callable[[], T]) -> T:
    """Look up all that is needed, and give the connection back."""
    try:
        return look_up()
    finally:
        session.close()


Task: TypeAlias = Annotated[Addressed, Depends(_task)]
KnownTask: TypeAlias = Annotated[Addressed, Depends(_known_task)]
ClearedTask: TypeAlias = Annotated[Addressed, Depends(_cleared_task)]
KnownAsset: TypeAlias = Annotated[Addressed, Depends(_known_asset)]
