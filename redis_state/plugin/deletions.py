"""What a deletion in the metadata database means for state: whose of it has no use any more.

Nothing there names the tasks of a run but its task instances, which go with it or before it. So
they are asked for before they go.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import groupby, islice
from typing import Any, NamedTuple, TypeAlias
from uuid import UUID

from airflow.models import DagRun, TaskInstance
from airflow.models.asset import AssetModel
from sqlalchemy import and_, func, inspect, select
from sqlalchemy.sql import operators, visitors
from sqlalchemy.sql.elements import BinaryExpression, BindParameter, BooleanClauseList

from redis_state.scopes import ZERO_REGION, AssetScope, StateScope, TaskScope

# A run, by its DAG and its id.
Run: TypeAlias = tuple[str, str]

_TASK = {"dag_id", "run_id", "task_id"}
# The second is 3.4's name of the first.
_INSTANCE = ("map_index", "region_index")
_REGION = "region_id"
_ROWS = 1000


class Task(NamedTuple):
    """A task in a region of a run; ``is_mapped``: it has or may have instances with an index."""

    task_id: str
    region_id: UUID
    is_mapped: bool


# `airflow db clean` commits what it deletes of the task instances before it comes to their runs.
_MOST_EARLIER = 200_000
_earlier: dict[Run, tuple[Task, ...]] = {}


class Deletions:
    """What one transaction deletes."""

    def __init__(self) -> None:
        self.is_committed = False
        # None: it did not look for assets that are gone.
        self.assets: set[int] | None = None
        self._cleared: dict[TaskScope, bool] = {}
        self._runs: dict[Run, tuple[Task, ...]] = {}
        # Their runs may follow them.
        self._instances: dict[Run, tuple[Task, ...]] = {}
        # The runs of a DAG have the same tasks, mostly: they share them.
        self._shared: dict[tuple[Task, ...], tuple[Task, ...]] = {}

    def add(self, other: Deletions) -> None:
        """Add what another transaction has deleted."""
        if other.assets is not None:
            self.assets = other.assets
        self._cleared |= other._cleared
        self._runs |= other._runs
        self._instances |= other._instances

    def remember(self) -> None:
        """Remember the task instances that are gone, for when their runs follow them."""
        for run, tasks in self._instances.items():
            if run not in self._runs:
                _earlier[run] = (*_earlier.pop(run, ()), *tasks)
        while len(_earlier) > _MOST_EARLIER:
            del _earlier[next(iter(_earlier))]

    def by_statement(self, state: Any) -> None:
        """Note what a DELETE statement is about to delete."""
        statement = state.statement
        match statement.table.name:
            case "task_state_store":
                self._clear(_equalities(statement.whereclause))
            case "asset_state_store":
                if not _equalities(statement.whereclause):
                    self.assets = set(_gone_assets(state.session.connection(), statement))
            case "task_instance":
                self._delete_instances(state.session.connection(), statement)
            case _:
                self._delete_runs(
                    state.session.connection(), _doomed(statement, "dag_id", "run_id")
                )

    def by_flush(self, session: Any, runs: Iterable[Any]) -> None:
        """Note the runs that a flush is about to delete."""
        ids = iter([inspect(run).identity[0] for run in runs])
        table = DagRun.__table__
        while some := list(islice(ids, _ROWS)):
            doomed = select(table.c.dag_id, table.c.run_id).where(table.c.id.in_(some))
            self._delete_runs(session.connection(), doomed)

    def scopes(self) -> Iterator[tuple[StateScope, bool]]:
        """Return whose state is to be cleared, and whether all map indices are meant."""
        yield from self._cleared.items()
        for (dag_id, run_id), tasks in self._runs.items():
            for task in tasks:
                scope = TaskScope(dag_id, run_id, task.task_id, region_id=task.region_id)
                yield scope, task.is_mapped
        for asset_id in sorted(self.assets or ()):
            yield AssetScope(asset_id=asset_id), False

    def _clear(self, named: dict[str, Any]) -> None:
        # A key's own deletion, and those of a whole DAG or of old rows, name other columns.
        if _TASK <= named.keys() <= _TASK | {_REGION, *_INSTANCE}:
            index = next((named[name] for name in _INSTANCE if name in named), None)
            scope = TaskScope(
                named["dag_id"],
                named["run_id"],
                named["task_id"],
                -1 if index is None else index,
                named.get(_REGION, ZERO_REGION),
            )
            self._cleared[scope] = index is None

    def _delete_instances(self, connection: Any, statement: Any) -> None:
        gone = _doomed(statement, "id").subquery()
        of_them = TaskInstance.__table__.c.id == gone.c.id
        self._instances |= self._tasks(connection, _instances().join(gone, of_them))

    def _delete_runs(self, connection: Any, doomed: Any) -> None:
        gone = doomed.subquery()
        instance = TaskInstance.__table__.c
        of_them = and_(instance.dag_id == gone.c.dag_id, instance.run_id == gone.c.run_id)
        self._runs |= self._tasks(connection, _instances().join(gone, of_them))
        for earlier in (self._instances, _earlier):
            for run in map(tuple, connection.execute(doomed) if earlier else ()):
                self._runs[run] = (*self._runs.get(run, ()), *earlier.get(run, ()))

    def _tasks(self, connection: Any, query: Any) -> dict[Run, tuple[Task, ...]]:
        found = {}
        rows = connection.execute(query.execution_options(yield_per=_ROWS))
        for run, of_run in groupby(rows, lambda row: (row.dag_id, row.run_id)):
            tasks = tuple(
                Task(row.task_id, getattr(row, _REGION, ZERO_REGION), row.largest >= 0)
                for row in of_run
            )
            found[run] = self._shared.setdefault(tasks, tasks)
        return found


def _instances() -> Any:
    columns = TaskInstance.__table__.c
    index = next(columns[name] for name in reversed(_INSTANCE) if name in columns)
    names = [columns[name] for name in ("dag_id", "run_id", "task_id", _REGION) if name in columns]
    return (
        select(*names, func.max(index).label("largest"))
        .select_from(TaskInstance.__table__)
        .group_by(*names)
        .order_by(*names)
    )


def _doomed(statement: Any, *names: str) -> Any:
    rows = select(*(statement.table.c[name] for name in names))
    return rows if statement.whereclause is None else rows.where(statement.whereclause)


def _gone_assets(connection: Any, statement: Any) -> Any:
    """Ask which assets a deletion of rows means; the rows are not there, the state is in Redis."""
    asset = AssetModel.__table__.alias()
    id_of_row = statement.table.c.asset_id

    def of_asset(element: Any, **_: Any) -> Any:
        is_id = hasattr(element, "shares_lineage") and element.shares_lineage(id_of_row)
        return asset.c.id if is_id else None

    query = select(asset.c.id)
    if statement.whereclause is not None:
        query = query.where(visitors.replacement_traverse(statement.whereclause, {}, of_asset))
    return connection.scalars(query)


def _equalities(where: Any) -> dict[str, Any]:
    """Return the columns that a condition sets equal to a value; none if it asks for more."""
    is_and = isinstance(where, BooleanClauseList) and where.operator is operators.and_
    found = {}
    for clause in where.clauses if is_and else [where]:
        is_equality = isinstance(clause, BinaryExpression) and clause.operator is operators.eq
        if not is_equality or not isinstance(clause.right, BindParameter):
            return {}
        found[clause.left.name] = clause.right.effective_value
    return found
