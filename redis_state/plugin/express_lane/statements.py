"""What is asked of the metadata database: which task instances and assets are there at this moment.

They are plain tables here, without what Airflow adds to queries of its models.
"""

from __future__ import annotations

from typing import Any
from uuid import UUID

from airflow.state import AssetScope, TaskScope
from sqlalchemy import bindparam, select

from redis_state.airflow.run_identity import KnownRun
from redis_state.plugin.express_lane.checked import asset, asset_active, dag_run, task_instance

# Since 3.4, archived attempts stay in the table, and a region is part of a task's identity.
_HAS_REGIONS = "working_set" in task_instance.c


def _tasks() -> Any:
    columns = task_instance.c
    same_run = (columns.dag_id == dag_run.c.dag_id) & (columns.run_id == dag_run.c.run_id)
    place = (columns.region_index, columns.region_id) if _HAS_REGIONS else (columns.map_index,)
    named = (columns.id, dag_run.c.id, dag_run.c.created_at)
    asked = select(*named, columns.dag_id, columns.run_id, columns.task_id, *place)
    found = asked.join_from(task_instance, dag_run, same_run)
    found = found.where(columns.id.in_(bindparam("asked", expanding=True)))
    return found.where(columns.working_set.is_(True)) if _HAS_REGIONS else found


def _assets(by: str) -> Any:
    asked = asset.c[by]
    same = (asset.c.name == asset_active.c.name) & (asset.c.uri == asset_active.c.uri)
    found = select(asked, asset.c.id).join_from(asset, asset_active, same)
    return found.where(asked.in_(bindparam("asked", expanding=True)))


TASKS = _tasks()
ASSETS = {by: _assets(by) for by in ("name", "uri")}


def task_of(row: Any) -> tuple[UUID, tuple[TaskScope, KnownRun]]:
    """Return whose state a row of `TASKS` stands for, by the id of the task instance."""
    id_, run, created_at, *place = row
    scope = TaskScope(*place)
    return id_, (scope, KnownRun(scope, run, created_at))


def asset_of(row: Any) -> tuple[str, tuple[AssetScope, KnownRun]]:
    """Return whose state a row of `ASSETS` stands for, by what was asked for."""
    return row[0], (AssetScope(asset_id=row[1]), KnownRun())
