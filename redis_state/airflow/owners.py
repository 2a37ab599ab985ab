"""Whose state has an owner, as the metadata database knows it: which runs and assets there are.

Each question is a transaction of its own, so that its answer is of this moment.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator
from importlib import import_module
from itertools import islice
from typing import Any, NamedTuple, TypeVar

from redis_state.airflow import absence, database_mark, run_identity
from redis_state.errors import MisconfiguredError, StateStoreError

T = TypeVar("T")
# So many are asked for by one statement.
_AT_A_TIME = 300
_LONGEST_ID = 250
_LONGEST_NAME = 1500
_LARGEST_ID = 2**31 - 1


class Run(NamedTuple):
    """A run, by its DAG and its id."""

    dag_id: str
    run_id: str


class AssetRow(NamedTuple):
    """An asset: its id, and whether a DAG has it."""

    asset_id: int
    is_active: bool


class Database:
    """The metadata database of this process; what it raises is one of our errors."""

    def __init__(self) -> None:
        try:
            self._create_session = import_module("airflow.utils.session").create_session
            self._runs = import_module("airflow.models.dagrun").DagRun.__table__.c
            assets = import_module("airflow.models.asset")
            self._assets = assets.AssetModel.__table__.c
            self._active = assets.AssetActive.__table__.c
            rows = import_module("airflow.models.task_state_store").TaskStateStoreModel
            self._task_rows = rows.__table__.c
            rows = import_module("airflow.models.asset_state_store").AssetStateStoreModel
            self._asset_rows = rows.__table__.c
        except ImportError as error:
            raise MisconfiguredError(
                "Airflow 3.3 or later is not installed here, so its metadata database cannot be "
                "asked: run this where Airflow's scheduler or API server is installed."
            ) from error

    def check(self) -> None:
        """Raise an error if the database cannot be used."""
        self.active_assets([0])

    def mark(self, *, make: bool) -> str | None:
        """Return the id of the database; without one, give it one, or return None."""
        if make:
            return _answer(database_mark.make)
        return self._ask(database_mark.read)

    def runs(self, wanted: Iterable[Run]) -> dict[Run, int]:
        """Return those of the runs that are there, with their incarnations."""
        from sqlalchemy import select, tuple_

        columns, found = self._runs, {}
        for some in _parts(wanted):
            query = select(columns.dag_id, columns.run_id, columns.id, columns.created_at)
            query = query.where(tuple_(columns.dag_id, columns.run_id).in_(some))
            for dag_id, run_id, row_id, created_at in self._rows(query):
                found[Run(dag_id, run_id)] = run_identity.number(row_id, created_at)
        return found

    def active_assets(self, wanted: Iterable[int]) -> set[int]:
        """Return those of the assets that a DAG has: Airflow keeps the state of these."""
        asset, found = self._assets, set()
        for some in _parts(wanted):
            rows = self._rows(self._with_activity(asset.id).where(asset.id.in_(some)))
            found |= {asset_id for asset_id, is_active in rows if is_active}
        return found

    def assets_by(self, part: str, wanted: Iterable[str]) -> dict[str, list[AssetRow]]:
        """Return the assets that have one of some names; ``part`` may be ``uri`` instead."""
        asset, found = self._assets, defaultdict(list)
        for some in _parts(wanted):
            query = self._with_activity(asset[part], asset.id).where(asset[part].in_(some))
            for name, asset_id, is_active in self._rows(query):
                found[name].append(AssetRow(asset_id, bool(is_active)))
        return found

    def runs_with_rows(self, wanted: Iterable[Run]) -> set[Run]:
        """Return those of the runs that have state in the metadata database itself."""
        from sqlalchemy import select, tuple_

        columns, found = self._task_rows, set()
        for some in _parts(wanted):
            query = select(columns.dag_id, columns.run_id).distinct()
            query = query.where(tuple_(columns.dag_id, columns.run_id).in_(some))
            found |= {Run(*row) for row in self._rows(query)}
        return found

    def assets_with_rows(self, wanted: Iterable[int]) -> set[int]:
        """Return those of the assets that have state in the metadata database itself."""
        from sqlalchemy import select

        columns, found = self._asset_rows, set()
        for some in _parts(wanted):
            query = select(columns.asset_id).distinct().where(columns.asset_id.in_(some))
            found |= {asset_id for (asset_id,) in self._rows(query)}
        return found

    def _with_activity(self, *columns: Any) -> Any:
        from sqlalchemy import and_, select

        asset, active = self._assets, self._active
        is_it = and_(active.name == asset.name, active.uri == asset.uri)
        tables = asset.id.table.outerjoin(active.name.table, is_it)
        return select(*columns, active.name.is_not(None)).select_from(tables)

    def _rows(self, query: Any) -> list[Any]:
        return self._ask(lambda session: list(session.execute(query)))

    def _ask(self, question: Callable[[Any], T]) -> T:
        def ask() -> T:
            with self._create_session(scoped=False) as session:
                return question(session)

        return _answer(ask)


def is_server_side(backend: type) -> bool:
    """Tell whether Airflow's server side here is a backend of a class."""
    try:
        return issubclass(import_module("airflow.state").resolve_state_backend(), backend)
    except Exception:  # noqa: BLE001 - a class that cannot be imported is not ours
        return False


def can_hold_run(run: Run) -> bool:
    """Tell whether the database can be asked for a run of these names."""
    return all(_is_text(name, _LONGEST_ID) for name in run)


def can_hold_asset(asset: int | str) -> bool:
    """Tell whether the database can be asked for an asset of this id, name or uri."""
    if isinstance(asset, str):
        return _is_text(asset, _LONGEST_NAME)
    return 0 <= asset <= _LARGEST_ID


def _is_text(name: str, longest: int) -> bool:
    # No database takes half of a surrogate pair, and PostgreSQL no NUL.
    is_whole = not any("\ud800" <= each <= "\udfff" for each in name)
    return is_whole and "\0" not in name and len(name) <= longest


def _answer(question: Callable[[], T]) -> T:
    try:
        with absence.told():
            return question()
    except StateStoreError:
        raise
    except Exception as error:  # noqa: BLE001 - whatever it says may hold a password
        raise absence.unusable(error) from None


def _parts(wanted: Iterable[T]) -> Iterator[Collection[T]]:
    left = iter(wanted)
    while some := list(islice(left, _AT_A_TIME)):
        yield some
