"""What is asked of the metadata database: which task instances and assets are there at this moment.

They are plain tables here, without what Airflow adds to queries of its models.
"""

from __future__ import annotations

from collections.abc import Collection
from itertools import repeat
from typing import Any
from uuid import UUID

import sqlalchemy
from airflow.state import AssetScope, TaskScope
from sqlalchemy import bindparam

from redis_state.airflow.run_identity import KnownRun
from redis_state.plugin.express_lane.checked import asset, asset_active, dag_run, task_instance

# Since 3.4, archived attempts stay in the table, and a region is part of a task's identity.
_HAS_REGIONS = "working_set" in task_instance.c


def _tasks() -> Any:
    columns = task_instance.c
    same_run = (columns.dag_id == dag_run.c.dag_id) & (columns.run_id == dag_run.c.run_id)
    place = (columns.region_index, columns.region_id) if _HAS_REGIONS else (columns.map_index,)
    named = (columns.id, dag_run.c.id, dag_run.c.created_at)
    asked = sqlalchemy.select(*named, columns.dag_id, columns.run_id, columns.task_id, *place)
    found = asked.join_from(task_instance, dag_run, same_run)
    found = found.where(columns.id.in_(bindparam("asked", expanding=True)))
    return found.where(columns.working_set.is_(True)) if _HAS_REGIONS else found


def _assets(by: str) -> Any:
    asked = asset.c[by]
    same = (asset.c.name == asset_active.c.name) & (asset.c.uri == asset_active.c.uri)
    found = sqlalchemy.select(asked, asset.c.id).join_from(asset, asset_active, same)
    return found.where(asked.in_(bindparam("asked", expanding=True)))


_TASKS = _tasks()
_ASSETS = {by: _assets(by) for by in ("name", "uri")}


async def select(
    connection: Any, tasks: Collection[UUID], assets: Collection[tuple[str, str]]
) -> dict[Any, tuple[TaskScope | AssetScope, KnownRun]]:
    """Return whose state each one is that is there, and what is known of its run."""
    found: dict[Any, tuple[TaskScope | AssetScope, KnownRun]] = {}
    if tasks:
        for id_, run, created_at, *place in await _execute(connection, _TASKS, tasks):
            scope = TaskScope(*place)
            found[id_] = scope, KnownRun(scope, run, created_at)
    for by, statement in _ASSETS.items():
        if names := [name for each, name in assets if each == by]:
            for name, id_ in await _execute(connection, statement, names):
                found[by, name] = AssetScope(asset_id=id_), KnownRun()
    return found


async def _execute(connection: Any, statement: Any, asked: Collection[Any]) -> Any:
    # A power of two, so that there are few different statements.
    values = list(asked)
    values += repeat(values[-1], (1 << (len(values) - 1).bit_length()) - len(values))
    return await connection.execute(statement, {"asked": values})
