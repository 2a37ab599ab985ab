"""Airflow's own tables of state: read in batches by their primary keys, and looked up.

`metastore_writes` writes them. Both work with Airflow 3.3, and with the regions of 3.4.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from functools import cache
from importlib import import_module
from typing import Any, NamedTuple, TypeAlias

from redis_state.airflow import absence
from redis_state.airflow.row_lookup import among
from redis_state.airflow.run_identity import UNKNOWN, number
from redis_state.errors import MisconfiguredError
from redis_state.scopes import ZERO_REGION, AssetScope, StateScope, TaskScope

# What the columns begin with that tell who has written an asset's value, and how the API is told.
WRITER = "last_updated_by_"
API = "api"


class Row(NamedTuple):
    """A row; of an asset, `by_api` tells whether Airflow's REST API has written it."""

    scope: StateScope
    key: str
    value: str
    updated_at: datetime
    expires_at: datetime | None
    incarnation: int = UNKNOWN
    by_api: bool = False


# A run or an asset, without which there can be no row.
Home: TypeAlias = tuple[str, str] | int
# The last row that was read: of which table, and its primary key.
Position: TypeAlias = tuple[int, tuple[Any, ...]]
START: Position = (0, ())


def home_of(scope: StateScope) -> Home | None:
    """Return the run or the asset of a scope, or None for an asset that is not named by its id."""
    if isinstance(scope, TaskScope):
        return scope.dag_id, scope.run_id
    return scope.asset_id


def check() -> None:
    """See that this process can use the tables."""
    try:
        task_table()
    except ModuleNotFoundError:
        raise MisconfiguredError(
            "The metadata database needs Airflow 3.3 or later, which is not here: run this where "
            "Airflow's API server runs."
        ) from None


@contextmanager
def transaction() -> Iterator[Any]:
    """Open a session of its own; a database that is away is an `UnavailableError`."""
    create_session = import_module("airflow.utils.session").create_session
    with absence.told(), create_session(scoped=False) as session:
        yield session


@cache
def task_table() -> Any:
    """Return the table of the state of tasks."""
    return import_module("airflow.models.task_state_store").TaskStateStoreModel.__table__


@cache
def asset_table() -> Any:
    """Return the table of the state of assets."""
    return import_module("airflow.models.asset_state_store").AssetStateStoreModel.__table__


@cache
def has_regions() -> bool:
    """Tell whether a mapped task may have a region, as from Airflow 3.4 on."""
    return "region_id" in task_table().c


def unique_of_task() -> list[Any]:
    """Return the columns that tell a task's row from all others."""
    columns = task_table().c
    index = [columns.region_id, columns.region_index] if has_regions() else [columns.map_index]
    return [columns.dag_run_id, columns.task_id, *index, columns.key]


def index_of(scope: TaskScope) -> tuple[Any, ...]:
    """Return what these columns hold for a map index and its region."""
    return (scope.region_id, scope.map_index) if has_regions() else (scope.map_index,)


def count() -> int:
    """Count all rows."""
    from sqlalchemy import func, select

    queries = [select(func.count()).select_from(each) for each in (task_table(), asset_table())]
    with transaction() as session:
        return sum(map(session.scalar, queries))


def read(
    after: Position,
    since: datetime | None,
    *,
    limit: int,
    most_bytes: int,
    with_values: bool = True,
) -> tuple[list[Row], Position | None]:
    """Read the next rows that were updated since then, and where to go on; None at the end.

    They are fewer than ``limit`` where their values have more than so many bytes together.
    """
    number_of_table, key = after
    table, columns, read_row = _reading(number_of_table, with_values=with_values)
    primary = list(table.primary_key.columns)
    with transaction() as session:
        ahead = _ahead(session, table, primary, key, since, limit)
        last = _cut(ahead, most_bytes if with_values else 0)
        if last is None:
            return [], (1, ()) if number_of_table == 0 else None
        chosen = [*_beyond(primary, key), _one(primary) <= _one(last), *_since(table, since)]
        found = session.execute(columns.where(*chosen).order_by(*primary))
        return [read_row(row) for row in found], (number_of_table, last)


def homes(session: Any, scopes: Iterable[StateScope]) -> dict[Home, tuple[int, int]]:
    """Return which of their runs and assets are there: the id of the row, and the incarnation."""
    from sqlalchemy import select

    wanted = set(map(home_of, scopes))
    assets = [home for home in wanted if isinstance(home, int)]
    runs = [home for home in wanted if isinstance(home, tuple)]
    found: dict[Home, tuple[int, int]] = {}
    if runs:
        run = import_module("airflow.models.dagrun").DagRun.__table__.c
        query = select(run.id, run.created_at, run.dag_id, run.run_id)
        for row in session.execute(query.where(among(session, [run.dag_id, run.run_id], runs))):
            found[row.dag_id, row.run_id] = row.id, number(row.id, row.created_at)
    if assets:
        asset = import_module("airflow.models.asset").AssetModel.__table__.c
        there = session.scalars(select(asset.id).where(asset.id.in_(assets)))
        found |= {asset_id: (asset_id, UNKNOWN) for asset_id in there}
    return found


def find(
    session: Any, names: Sequence[tuple[StateScope, str]], known: dict[Home, tuple[int, int]]
) -> dict[tuple[StateScope, str], Row]:
    """Look up rows by scope and key, of the runs and assets that are known to be there."""
    tasks: list[tuple[Any, ...]] = []
    assets: list[tuple[Any, ...]] = []
    for scope, key in names:
        home = home_of(scope)
        if home in known and isinstance(scope, TaskScope):
            tasks.append((known[home][0], scope.task_id, *index_of(scope), key))
        elif home in known:
            assets.append((home, key))
    found: list[Row] = []
    for table, keys in enumerate((tasks, assets)):
        if keys:
            _, columns, read_row = _reading(table, with_values=True)
            unique = list(asset_table().primary_key.columns) if table else unique_of_task()
            query = columns.where(among(session, unique, keys))
            found += map(read_row, session.execute(query))
    return {(each.scope, each.key): each for each in found}


def _reading(number_of_table: int, *, with_values: bool) -> tuple[Any, Any, Callable[[Any], Row]]:
    from sqlalchemy import literal, select

    table = (task_table(), asset_table())[number_of_table]
    columns = table.c
    value = columns.value if with_values else literal("").label("value")
    common = (columns.key, value, columns.updated_at)
    if number_of_table:
        return table, select(columns.asset_id, *common, columns[f"{WRITER}kind"]), _asset_row
    run = import_module("airflow.models.dagrun").DagRun.__table__.c
    index = [columns.region_index, columns.region_id] if has_regions() else [columns.map_index]
    query = select(
        *(columns.dag_id, columns.run_id, columns.task_id, *index, *common, columns.expires_at),
        run.id.label("row_id"),
        run.created_at.label("born"),
    )
    return table, query.join_from(table, run.id.table, columns.dag_run_id == run.id), _task_row


def _task_row(row: Any) -> Row:
    index = row.region_index if has_regions() else row.map_index
    region = getattr(row, "region_id", ZERO_REGION)
    scope = TaskScope(row.dag_id, row.run_id, row.task_id, index, region)
    incarnation = number(row.row_id, row.born)
    return Row(scope, row.key, row.value, row.updated_at, row.expires_at, incarnation)


def _asset_row(row: Any) -> Row:
    by_api = getattr(row, f"{WRITER}kind") == API
    scope = AssetScope(asset_id=row.asset_id)
    return Row(scope, row.key, row.value, row.updated_at, None, UNKNOWN, by_api)


def _ahead(
    session: Any, table: Any, primary: list[Any], key: tuple[Any, ...], since: Any, limit: int
) -> list[Any]:
    # Values may be large: first it is looked how many fit.
    from sqlalchemy import func, select

    size = func.length(table.c.value).label("size")
    query = select(*primary, size).where(*_beyond(primary, key), *_since(table, since))
    return list(session.execute(query.order_by(*primary).limit(limit)))


def _cut(ahead: list[Any], most_bytes: int) -> tuple[Any, ...] | None:
    last, total = None, 0
    for *key, size in ahead:
        total += size
        if last is not None and most_bytes and total > most_bytes:
            break
        last = tuple(key)
    return last


def _beyond(primary: list[Any], key: tuple[Any, ...]) -> list[Any]:
    return [_one(primary) > _one(key)] if key else []


def _one(parts: Sequence[Any]) -> Any:
    from sqlalchemy import tuple_

    return parts[0] if len(parts) == 1 else tuple_(*parts)


def _since(table: Any, since: datetime | None) -> list[Any]:
    return [] if since is None else [table.c.updated_at >= since]
