"""What is asked of the metadata database: which task instances and assets are there at this moment.

They are plain tables here, without what Airflow adds to queries of its models. On PostgreSQL, the
driver of Airflow's connection is asked itself: what SQLAlchemy adds takes longer than all the rest.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from functools import cache, partial
from itertools import repeat
from typing import Any, TypeAlias
from uuid import UUID

import sqlalchemy
from airflow.state import AssetScope, TaskScope
from sqlalchemy import any_, bindparam
from sqlalchemy.dialects.postgresql import ARRAY

from redis_state.airflow.run_identity import KnownRun
from redis_state.plugin.express_lane.checked import asset, asset_active, dag_run, task_instance

State: TypeAlias = tuple[TaskScope | AssetScope, KnownRun]
# How a column is to be one of those that are asked for.
_OneOf: TypeAlias = Callable[[Any], Any]

# Since 3.4, archived attempts stay in the table, and a region is part of a task's identity.
_HAS_REGIONS = "working_set" in task_instance.c


class Reader:
    """Asks on one connection, in which no transaction is under way."""

    def __init__(self, connection: Any, driver: Any) -> None:
        self._connection = connection
        # None: SQLAlchemy asks.
        self._driver = driver

    @classmethod
    async def on(cls, connection: Any) -> Reader:
        """Return a reader for a connection of Airflow's async engine."""
        if connection.dialect.driver != "asyncpg":
            return cls(connection, None)
        return cls(connection, (await connection.get_raw_connection()).driver_connection)

    async def select(
        self, tasks: Collection[UUID], assets: Collection[tuple[str, str]]
    ) -> dict[Any, State]:
        """Return whose state each one is that is there, and what is known of its run."""
        found: dict[Any, State] = {}
        if tasks:
            for id_, run, created_at, *place in await self._rows(_tasks, tasks):
                scope = TaskScope(*place)
                found[id_] = scope, KnownRun(scope, run, created_at)
        for by, statement in _ASSETS.items():
            if names := [name for each, name in assets if each == by]:
                for name, id_ in await self._rows(statement, names):
                    found[by, name] = AssetScope(asset_id=id_), KnownRun()
        return found

    async def _rows(
        self, statement: Callable[[_OneOf], Any], asked: Collection[Any]
    ) -> Iterable[Any]:
        if self._driver is not None:
            text = _as_text(statement, self._connection.dialect)
            rows: Iterable[Any] = await self._driver.fetch(text, list(asked))
            return rows
        # A power of two, so that there are few different statements.
        values = list(asked)
        values += repeat(values[-1], (1 << (len(values) - 1).bit_length()) - len(values))
        found: Iterable[Any] = await self._connection.execute(
            _expanding(statement), {"asked": values}
        )
        return found


def _tasks(one_of: _OneOf) -> Any:
    columns = task_instance.c
    same_run = (columns.dag_id == dag_run.c.dag_id) & (columns.run_id == dag_run.c.run_id)
    place = (columns.region_index, columns.region_id) if _HAS_REGIONS else (columns.map_index,)
    named = (columns.id, dag_run.c.id, dag_run.c.created_at)
    asked = sqlalchemy.select(*named, columns.dag_id, columns.run_id, columns.task_id, *place)
    found = asked.join_from(task_instance, dag_run, same_run).where(one_of(columns.id))
    return found.where(columns.working_set.is_(True)) if _HAS_REGIONS else found


def _assets(by: str, one_of: _OneOf) -> Any:
    asked = asset.c[by]
    same = (asset.c.name == asset_active.c.name) & (asset.c.uri == asset_active.c.uri)
    found = sqlalchemy.select(asked, asset.c.id).join_from(asset, asset_active, same)
    return found.where(one_of(asked))


_ASSETS: dict[str, Callable[[_OneOf], Any]] = {by: partial(_assets, by) for by in ("name", "uri")}


@cache
def _expanding(statement: Callable[[_OneOf], Any]) -> Any:
    return statement(lambda column: column.in_(bindparam("asked", expanding=True)))


@cache
def _as_text(statement: Callable[[_OneOf], Any], dialect: Any) -> str:
    def one_of(column: Any) -> Any:
        return column == any_(bindparam("asked", type_=ARRAY(column.type)))

    return str(statement(one_of).compile(dialect=dialect))
