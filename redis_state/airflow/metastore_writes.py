"""Writes rows of Airflow's own tables of state, where none is there or an older one.

A row that was written meanwhile, at a later moment, stays: the statement looks again.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from redis_state.airflow.metastore import (
    API,
    WRITER,
    Home,
    Row,
    asset_table,
    has_regions,
    index_of,
    task_table,
    unique_of_task,
)
from redis_state.scopes import AssetScope, TaskScope

_MILLISECOND = timedelta(milliseconds=1)


def upsert(session: Any, rows: Sequence[Row], known: dict[Home, tuple[int, int]]) -> int:
    """Write rows of runs and assets that are there; return how many were."""
    tasks = [_of_task(row, row.scope, known) for row in rows if isinstance(row.scope, TaskScope)]
    assets = [_of_asset(row, row.scope) for row in rows if isinstance(row.scope, AssetScope)]
    written = 0
    if tasks:
        changed = ("value", "updated_at", "expires_at")
        written += _upsert(session, task_table(), tasks, unique_of_task(), changed)
    if assets:
        table = asset_table()
        names = ("value", "updated_at", *_writer_columns())
        written += _upsert(session, table, assets, list(table.primary_key.columns), names)
    return written


def refuses(error: Exception) -> bool:
    """Tell whether an error is about a row, which the database or its driver will not have."""
    from sqlalchemy.exc import DataError, IntegrityError, StatementError

    return isinstance(error, (DataError, IntegrityError, ValueError)) or (
        isinstance(error, StatementError) and isinstance(error.orig, ValueError)
    )


def remove(session: Any, rows: Sequence[Row], known: dict[Home, tuple[int, int]]) -> int:
    """Remove rows that still have the millisecond, and the value if one is given; count them."""
    from sqlalchemy import delete

    gone = 0
    for row in rows:
        table, unique = _unique(row, known)
        same = [column == value for column, value in unique]
        same += _same_moment(table, row.updated_at)
        same += [table.c.value == row.value] if row.value else []
        gone += session.execute(delete(table).where(*same)).rowcount
    return gone


def _unique(row: Row, known: dict[Home, tuple[int, int]]) -> tuple[Any, list[tuple[Any, Any]]]:
    scope = row.scope
    if isinstance(scope, TaskScope):
        run = known[scope.dag_id, scope.run_id][0]
        values = (run, scope.task_id, *index_of(scope), row.key)
        return task_table(), list(zip(unique_of_task(), values, strict=True))
    table = asset_table()
    return table, [(table.c.asset_id, scope.asset_id), (table.c.key, row.key)]


def _of_task(row: Row, scope: TaskScope, known: dict[Home, tuple[int, int]]) -> dict[str, Any]:
    index = ("region_id", "region_index") if has_regions() else ("map_index",)
    return {
        "dag_run_id": known[scope.dag_id, scope.run_id][0],
        "dag_id": scope.dag_id,
        "run_id": scope.run_id,
        "task_id": scope.task_id,
        **dict(zip(index, index_of(scope), strict=True)),
        "key": row.key,
        "value": row.value,
        "updated_at": row.updated_at,
        "expires_at": row.expires_at,
    }


def _of_asset(row: Row, scope: AssetScope) -> dict[str, Any]:
    # Who has written it is not known, but for the REST API.
    writer: dict[str, Any] = dict.fromkeys(_writer_columns())
    writer[f"{WRITER}kind"] = API if row.by_api else None
    common = {"key": row.key, "value": row.value, "updated_at": row.updated_at}
    return {"asset_id": scope.asset_id, **common, **writer}


def _writer_columns() -> list[str]:
    return [column.name for column in asset_table().c if column.name.startswith(WRITER)]


def _upsert(
    session: Any,
    table: Any,
    values: list[dict[str, Any]],
    unique: list[Any],
    changed: Sequence[str],
) -> int:
    from sqlalchemy.dialects import mysql, postgresql, sqlite

    dialect = session.get_bind().dialect.name
    if dialect == "mysql":
        statement = mysql.insert(table).values(values)
        return int(session.execute(_on_duplicate(statement, table, changed)).rowcount)
    make = postgresql.insert if dialect == "postgresql" else sqlite.insert
    statement = make(table)
    new = statement.excluded
    upsert = statement.on_conflict_do_update(
        index_elements=unique,
        set_={name: new[name] for name in changed},
        where=_is_older(table, new),
    )
    # One row is compiled, and not hundreds; a row comes back for each that was written.
    return len(session.execute(upsert.returning(unique[0]), values).all())


def _is_older(table: Any, new: Any) -> Any:
    """Return whether a row may be replaced: its updated_at is earlier, or in the same ms."""
    from sqlalchemy import and_, or_

    columns = table.c
    differs = columns.value != new.value
    if "expires_at" in columns:
        differs = or_(differs, columns.expires_at.is_distinct_from(new.expires_at))
    return or_(
        columns.updated_at < new.updated_at, and_(columns.updated_at == new.updated_at, differs)
    )


def _on_duplicate(statement: Any, table: Any, changed: Sequence[str]) -> Any:
    from sqlalchemy import func

    new = statement.inserted
    is_older = _is_older(table, new)
    # MySQL assigns in turn, and what comes later sees it: so the moment is the last.
    names = [*(name for name in changed if name != "updated_at"), "updated_at"]
    pairs = [(name, func.if_(is_older, new[name], table.c[name])) for name in names]
    return statement.on_duplicate_key_update(pairs)


def _same_moment(table: Any, moment: datetime) -> list[Any]:
    updated_at = table.c.updated_at
    return [updated_at >= moment, updated_at < moment + _MILLISECOND]
