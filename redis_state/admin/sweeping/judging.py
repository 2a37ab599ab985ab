"""Which values have no owner: what was met first is asked for afterwards.

So a run or an asset that is created meanwhile keeps its values: they were written after it was, and
whoever asks after they were met finds it. What the database cannot tell has an owner.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable
from typing import NamedTuple, TypeVar

import anyio.to_thread

from redis_state.admin.sweeping.reasons import Ownerless, Reason
from redis_state.admin.sweeping.references import References
from redis_state.admin.walking import Found
from redis_state.airflow.owners import Database, Run, can_hold_asset, can_hold_run
from redis_state.format import envelope
from redis_state.scopes import TaskScope

T = TypeVar("T")
U = TypeVar("U")
# Runs that were there a moment ago, and mostly still are.
_MOST_KNOWN = 50_000


class Judge:
    """Asks the metadata database which values have an owner.

    ``references`` is where worker values have theirs, where that is to be looked at, too.
    """

    def __init__(self, database: Database, references: References | None) -> None:
        self._database = database
        self._references = references
        self._known: dict[Run, int] = {}

    async def ownerless(self, met: Iterable[Found]) -> list[Ownerless]:
        """Return those of some values that have no owner."""
        sorted_ = _Sorted.of(met)
        return [
            *await self._of_runs(sorted_.by_run),
            *await self._of_assets(sorted_.by_id),
            *await self._of_names("name", sorted_.by_name),
            *await self._of_names("uri", sorted_.by_uri),
        ]

    async def _of_runs(self, by_run: dict[Run, list[Found]]) -> list[Ownerless]:
        # That a run was there lets its values stay; nothing goes but by an answer of this moment.
        asked = [
            run
            for run, values in by_run.items()
            if not all(_is_of(self._known.get(run), found) for found in values)
        ]
        there = await _in_thread(self._database.runs, asked)
        ownerless = []
        for run in asked:
            reason = Reason.EARLIER_RUN if run in there else Reason.DELETED_RUN
            gone = [found for found in by_run[run] if not _is_of(there.get(run), found)]
            ownerless += [Ownerless(found, reason) for found in gone]
        self._remember(there)
        if self._references is None:
            return ownerless
        of_workers = {
            run: [found for found in values if found.of_worker]
            for run, values in by_run.items()
            if run in there or run not in asked
        }
        without = await self._references.missing_of_tasks(of_workers)
        return [*ownerless, *(Ownerless(found, Reason.NO_REFERENCE) for found in without)]

    def _remember(self, there: dict[Run, int]) -> None:
        if len(self._known) > _MOST_KNOWN:
            self._known.clear()
        self._known |= there

    async def _of_assets(self, by_id: dict[int, list[Found]]) -> list[Ownerless]:
        there = await _in_thread(self._database.active_assets, by_id)
        return [
            Ownerless(found, Reason.DELETED_ASSET)
            for asset_id, values in by_id.items()
            if asset_id not in there
            for found in values
        ]

    async def _of_names(self, part: str, by_name: dict[str, list[Found]]) -> list[Ownerless]:
        there = await _in_thread(lambda names: self._database.assets_by(part, names), by_name)
        ownerless, with_ids = [], []
        for name, values in by_name.items():
            rows = there.get(name, [])
            if any(row.is_active for row in rows):
                with_ids += [(found, [row.asset_id for row in rows]) for found in values]
            else:
                ownerless += [Ownerless(found, Reason.DELETED_ASSET) for found in values]
        if self._references is not None:
            without = await self._references.missing_of_assets(with_ids)
            ownerless += [Ownerless(found, Reason.NO_REFERENCE) for found in without]
        return ownerless


class _Sorted(NamedTuple):
    """Values by what they belong to, as far as the database can be asked for that."""

    by_run: dict[Run, list[Found]]
    by_id: dict[int, list[Found]]
    by_name: dict[str, list[Found]]
    by_uri: dict[str, list[Found]]

    @classmethod
    def of(cls, met: Iterable[Found]) -> _Sorted:
        sorted_ = cls(defaultdict(list), defaultdict(list), defaultdict(list), defaultdict(list))
        for found in met:
            scope = found.scope
            if isinstance(scope, TaskScope):
                run = Run(scope.dag_id, scope.run_id)
                if can_hold_run(run):
                    sorted_.by_run[run].append(found)
                continue
            # Airflow names an asset by its id on the server side, and by its names to a worker.
            by_names = sorted_.by_uri if scope.name is None else sorted_.by_name
            name = scope.uri if scope.name is None else scope.name
            if scope.asset_id is not None:
                if not found.of_worker and can_hold_asset(scope.asset_id):
                    sorted_.by_id[scope.asset_id].append(found)
            elif name is not None and found.of_worker and can_hold_asset(name):
                by_names[name].append(found)
        return sorted_


def _is_of(incarnation: int | None, found: Found) -> bool:
    """Tell whether a value is of the run with an incarnation, as far as that can be told."""
    if incarnation is None:
        return False
    written_by = envelope.UNKNOWN if found.of_worker else found.header.incarnation
    return written_by in (envelope.UNKNOWN, incarnation)


async def _in_thread(question: Callable[[Iterable[T]], U], wanted: Iterable[T]) -> U:
    return await anyio.to_thread.run_sync(question, wanted)
