"""Airflow's own tables of state, filled and read as Airflow's models have them."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from airflow.models.asset_state_store import AssetStateStoreModel
from airflow.models.dagrun import DagRun
from airflow.models.task_state_store import TaskStateStoreModel
from sqlalchemy import delete, insert, select, update

from redis_state import AssetScope, TaskScope
from redis_state.scopes import StateScope
from tests.with_airflow.server.metadata import Metadata

HAS_REGIONS = "region_id" in TaskStateStoreModel.__table__.c
_WRITER = ("last_updated_by_kind", "last_updated_by_dag_id")


class Tables:
    """The rows of both tables."""

    def __init__(self, metadata: Metadata) -> None:
        self.metadata = metadata

    def empty(self) -> None:
        with self.metadata.session() as session:
            session.execute(delete(TaskStateStoreModel))
            session.execute(delete(AssetStateStoreModel))

    def put(
        self,
        scope: StateScope,
        key: str,
        value: str,
        updated_at: datetime,
        expires_at: datetime | None = None,
        **writer: str,
    ) -> None:
        """Write a row, in the place of one that is there."""
        self.delete(scope, key)
        common = {"key": key, "value": value, "updated_at": updated_at}
        with self.metadata.session() as session:
            if isinstance(scope, AssetScope):
                session.add(AssetStateStoreModel(asset_id=scope.asset_id, **common, **writer))
                return
            query = select(DagRun.id).filter_by(dag_id=scope.dag_id, run_id=scope.run_id)
            names = {"dag_id": scope.dag_id, "run_id": scope.run_id, "task_id": scope.task_id}
            row = {"dag_run_id": session.scalar(query), "expires_at": expires_at, **names}
            session.add(TaskStateStoreModel(**row, **common, **_index(scope)))

    def put_many(self, asset: AssetScope, values: dict[str, str], updated_at: datetime) -> None:
        """Write new rows of an asset."""
        rows = [
            {"asset_id": asset.asset_id, "key": key, "value": value, "updated_at": updated_at}
            for key, value in values.items()
        ]
        with self.metadata.session() as session:
            session.execute(insert(AssetStateStoreModel), rows)

    def put_rows(
        self, task: TaskScope, values: dict[str, str], updated_at: datetime, expires_at: datetime
    ) -> None:
        """Write new rows of a task."""
        with self.metadata.session() as session:
            query = select(DagRun.id).filter_by(dag_id=task.dag_id, run_id=task.run_id)
            common = {
                "dag_run_id": session.scalar(query),
                "dag_id": task.dag_id,
                "run_id": task.run_id,
                "task_id": task.task_id,
                "updated_at": updated_at,
                "expires_at": expires_at,
                **_index(task),
            }
            rows = [{"key": key, "value": value, **common} for key, value in values.items()]
            session.execute(insert(TaskStateStoreModel), rows)

    def update(self, scope: StateScope, key: str, value: str, updated_at: datetime) -> None:
        """Write over a row."""
        with self.metadata.session() as session:
            statement = _select(update, scope, key)
            session.execute(statement.values(value=value, updated_at=updated_at))

    def delete(self, scope: StateScope, key: str) -> None:
        with self.metadata.session() as session:
            session.execute(_select(delete, scope, key))

    def get(self, scope: StateScope, key: str) -> tuple[Any, ...] | None:
        """Return value and times of a row."""
        with self.metadata.session() as session:
            row = session.scalar(_select(select, scope, key))
            if row is None:
                return None
            return row.value, row.updated_at, getattr(row, "expires_at", None)

    def all(self, *, exact: bool = True) -> set[tuple[Any, ...]]:
        """Return all rows, or all with the milliseconds of their updated_at."""
        with self.metadata.session() as session:
            found = set()
            for row in session.scalars(select(TaskStateStoreModel)):
                names = (row.dag_run_id, row.dag_id, row.run_id, row.task_id)
                index = (row.region_id, row.region_index) if HAS_REGIONS else (row.map_index,)
                times = (_moment(row.updated_at, exact=exact), row.expires_at)
                found.add((*names, *index, row.key, row.value, *times))
            for row in session.scalars(select(AssetStateStoreModel)):
                moment = _moment(row.updated_at, exact=exact)
                writer = (getattr(row, name) for name in _WRITER)
                found.add((row.asset_id, row.key, row.value, moment, *writer))
            return found


def _index(scope: TaskScope) -> dict[str, Any]:
    if HAS_REGIONS:
        return {"region_index": scope.map_index, "region_id": scope.region_id}
    return {"map_index": scope.map_index}


def _select(verb: Any, scope: StateScope, key: str) -> Any:
    if isinstance(scope, AssetScope):
        model = AssetStateStoreModel
        return verb(model).where(model.asset_id == scope.asset_id, model.key == key)
    task = TaskStateStoreModel
    same = [task.dag_id == scope.dag_id, task.run_id == scope.run_id, task.key == key]
    same += [getattr(task, name) == value for name, value in _index(scope).items()]
    return verb(task).where(task.task_id == scope.task_id, *same)


def _moment(moment: datetime, *, exact: bool) -> datetime:
    return moment if exact else moment.replace(microsecond=moment.microsecond // 1000 * 1000)
