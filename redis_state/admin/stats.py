"""What fills the memory: how much each dag, task and asset keeps, and for how long.

What is kept of it here is bounded, however much a namespace holds.
"""

from __future__ import annotations

import heapq
from bisect import bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

from redis_state.admin.contents import has_no_end
from redis_state.admin.groups import Group, Groups
from redis_state.admin.walking import Batch, Cursor, Found, Walk
from redis_state.format import envelope
from redis_state.scopes import StateScope, TaskScope

_KIB, _MIB = 2**10, 2**20
# Upper ends, which belong to the next one.
SIZES = (64, 256, _KIB, 4 * _KIB, 16 * _KIB, 64 * _KIB, 256 * _KIB, _MIB, 16 * _MIB)
AGES = tuple(timedelta(hours=hours) for hours in (1, 24, 7 * 24, 30 * 24, 365 * 24))
_AGES = tuple(age // timedelta(microseconds=1) for age in AGES)


@dataclass(frozen=True, slots=True, order=True)
class Extreme:
    """A value that is the largest, or the oldest."""

    rank: int
    page: str
    name: bytes
    found: Found = field(compare=False)

    @classmethod
    def of(cls, rank: int, found: Found) -> Extreme:
        """Rank a value; those that are equal, by where they lie."""
        return cls(rank, found.page, found.field, found)


class Stats:
    """What a walk has met so far."""

    def __init__(self, top: int, start: Cursor | None = None) -> None:
        self._top = top
        self.cursor: Cursor = dict(start or {})
        self.is_complete = False
        # Where a server may not be asked for the memory, bytes of values are all that is known.
        self.is_measured = True
        self.dags, self.tasks, self.assets = Groups(), Groups(), Groups()
        self.expired = 0
        self.unreadable = 0
        self.sizes = [0] * (len(SIZES) + 1)
        # By when they expire; the last one never does.
        self.expiries = [0] * (len(AGES) + 2)
        self._largest: list[Extreme] = []
        self._oldest: list[Extreme] = []

    @property
    def total(self) -> Group:
        """The sums of all: each value is a dag's or an asset's."""
        pairs = zip(self.dags.total(), self.assets.total(), strict=True)
        return Group(*map(sum, pairs))

    @property
    def largest(self) -> list[Found]:
        """The largest values."""
        return [each.found for each in sorted(self._largest, reverse=True)]

    @property
    def oldest(self) -> list[Found]:
        """The permanent values that were written first."""
        return [each.found for each in sorted(self._oldest, reverse=True)]

    async def collect(self, walk: Walk, on_progress: Callable[[int, int], None]) -> None:
        """Count all that a walk meets."""
        async with walk.batches() as batches:
            async for batch in batches:
                self._count(batch)
                self.cursor = walk.cursor
                on_progress(walk.done, walk.total)
        self.cursor, self.is_complete = walk.cursor, walk.is_complete

    def _count(self, batch: Batch) -> None:
        now = envelope.now()
        self.unreadable += len(batch.unreadable)
        for found in batch.values:
            if found.header.is_live(now):
                self._count_value(found, now)
            else:
                self.expired += 1
        for page, memory in batch.ended:
            self.is_measured = self.is_measured and memory is not None
            for groups, name in self._groups(page.scope):
                groups.add_page(name, memory or 0)

    def _count_value(self, found: Found, now: int) -> None:
        is_permanent = has_no_end(found)
        for groups, name in self._groups(found.scope):
            groups.add_value(name, found.size, is_permanent=is_permanent)
        self.sizes[bisect_right(SIZES, found.size)] += 1
        self.expiries[_age(found, now, is_permanent=is_permanent)] += 1
        self._keep(self._largest, Extreme.of(found.size, found))
        if is_permanent:
            self._keep(self._oldest, Extreme.of(-found.header.updated_at, found))

    def _groups(self, scope: StateScope) -> Sequence[tuple[Groups, str]]:
        if isinstance(scope, TaskScope):
            task = f"{scope.dag_id}/{scope.task_id}"
            return (self.dags, scope.dag_id), (self.tasks, task)
        return ((self.assets, asset_name(scope)),)

    def _keep(self, extremes: list[Extreme], extreme: Extreme) -> None:
        keep = heapq.heappush if len(extremes) < self._top else heapq.heappushpop
        keep(extremes, extreme)


def asset_name(scope: StateScope) -> str:
    """Return what an asset is called in a report."""
    for kind in ("asset_id", "name", "uri"):
        if (value := getattr(scope, kind)) is not None:
            return f"{kind.removeprefix('asset_')} {value}"
    raise AssertionError


def _age(found: Found, now: int, *, is_permanent: bool) -> int:
    if is_permanent:
        return len(AGES) + 1
    return bisect_right(_AGES, found.header.expires_at - now)
