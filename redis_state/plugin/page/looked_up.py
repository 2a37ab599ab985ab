"""What the page takes from the metadata database: who has state, and what is left there itself.

As in `known`, whoever calls a function gives the connection back before Redis is asked.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from airflow.models.asset import AssetModel
from airflow.models.asset_state_store import AssetStateStoreModel
from airflow.models.dagrun import DagRun
from airflow.models.task_state_store import TaskStateStoreModel
from airflow.models.taskinstance import TaskInstance
from sqlalchemy import func, select

from redis_state.airflow.run_identity import ClosedSession, incarnation
from redis_state.scopes import ZERO_REGION, AssetScope, TaskScope

# So many of each are looked at, and shown.
MOST_INSTANCES = 1_000
MOST_LEFT = 100
MOST_RUNS = 20
MOST_TASKS = 100
MOST_ASSETS = 100
# Counting more rows than this would take long, and tell nobody more.
MOST_COUNTED = 10_000


class Left(NamedTuple):
    """A row that was written before the switch."""

    map_index: int
    key: str
    value: str
    updated_at: datetime
    expires_at: datetime | None


@dataclass(frozen=True)
class TaskOfRun:
    """A task of a run: its regions as scopes, and its instances with their state in Airflow."""

    scopes: list[TaskScope]
    states: dict[TaskScope, str | None]
    left: list[Left]
    session: ClosedSession


@dataclass(frozen=True)
class KnownAsset:
    """An asset, and what is left of it."""

    scope: AssetScope
    name: str
    uri: str
    left: list[Left]
    session: ClosedSession


def task(session: Any, dag_id: str, run_id: str, task_id: str) -> TaskOfRun | None:
    """Return a task of a run, or None if that has no such task."""
    model = TaskInstance
    rows = session.execute(
        select(_index(model), model.state, *_region(model))
        .where(model.dag_id == dag_id, model.run_id == run_id, model.task_id == task_id)
        .order_by(_index(model))
        .limit(MOST_INSTANCES)
    ).all()
    if not rows:
        return None
    named = (dag_id, run_id, task_id)
    states = {
        TaskScope(*named, index, *(region or (ZERO_REGION,))): state
        for index, state, *region in rows
    }
    regions = sorted({scope.region_id for scope in states}, key=str)
    scopes = [TaskScope(*named, region_id=region) for region in regions]
    incarnation(session, scopes[0])
    return TaskOfRun(scopes, states, _left_of_task(session, *named), ClosedSession(session))


def asset(session: Any, asset_id: int) -> KnownAsset | None:
    """Return an asset, or None if there is none with this id."""
    model, rows = AssetModel, AssetStateStoreModel
    found = session.execute(select(model.name, model.uri).where(model.id == asset_id)).first()
    if found is None:
        return None
    left = session.execute(
        select(rows.key, rows.value, rows.updated_at)
        .where(rows.asset_id == asset_id)
        .order_by(rows.key)
        .limit(MOST_LEFT)
    )
    rows_left = [Left(-1, key, value, at, None) for key, value, at in left]
    name, uri = found
    scope = AssetScope(asset_id=asset_id)
    return KnownAsset(scope, name, uri, rows_left, ClosedSession(session))


def newest_tasks(session: Any, dag_ids: Iterable[str]) -> list[TaskOfRun]:
    """Return the tasks of the newest runs of some DAGs."""
    runs = session.execute(
        select(DagRun.dag_id, DagRun.run_id)
        .where(DagRun.dag_id.in_(list(dag_ids)))
        .order_by(DagRun.id.desc())
        .limit(MOST_RUNS)
    ).all()
    found: list[TaskOfRun] = []
    for dag_id, run_id in runs:
        model = TaskInstance
        rows = session.execute(
            select(model.task_id, *_region(model))
            .where(model.dag_id == dag_id, model.run_id == run_id)
            .distinct()
            .order_by(model.task_id)
            .limit(MOST_TASKS - len(found))
        ).all()
        scopes = [
            TaskScope(dag_id, run_id, task_id, -1, *(region or (ZERO_REGION,)))
            for task_id, *region in rows
        ]
        if scopes:
            incarnation(session, scopes[0])
        found += [TaskOfRun([scope], {}, [], ClosedSession(session)) for scope in scopes]
    return found


def newest_assets(session: Any) -> list[KnownAsset]:
    """Return the assets that came last."""
    model = AssetModel
    rows = session.execute(
        select(model.id, model.name, model.uri).order_by(model.id.desc()).limit(MOST_ASSETS)
    )
    closed = ClosedSession(session)
    return [KnownAsset(AssetScope(asset_id=key), name, uri, [], closed) for key, name, uri in rows]


def count_left(session: Any) -> dict[str, int]:
    """Count the rows of tasks and of assets that were written before the switch, up to a bound."""

    def count(column: Any) -> int:
        rows = select(column).limit(MOST_COUNTED + 1).subquery()
        return int(session.scalar(select(func.count()).select_from(rows)))

    return {
        "tasks": count(TaskStateStoreModel.id),
        "assets": count(AssetStateStoreModel.asset_id),
    }


def _left_of_task(session: Any, dag_id: str, run_id: str, task_id: str) -> list[Left]:
    model = TaskStateStoreModel
    rows = session.execute(
        select(_index(model), model.key, model.value, model.updated_at, model.expires_at)
        .where(model.dag_id == dag_id, model.run_id == run_id, model.task_id == task_id)
        .order_by(_index(model), model.key)
        .limit(MOST_LEFT)
    )
    return [Left(*each) for each in rows]


def _index(model: Any) -> Any:
    # Since 3.4, the index is that within a region.
    return model.region_index if hasattr(model, "region_index") else model.map_index


def _region(model: Any) -> list[Any]:
    return [model.region_id] if hasattr(model, "region_id") else []
