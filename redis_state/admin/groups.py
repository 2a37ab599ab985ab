"""Sums by name, kept small: a hundred thousand assets are told apart in some megabytes."""

from __future__ import annotations

import heapq
from array import array
from collections.abc import Iterator
from typing import NamedTuple

# So many are told apart; what is beyond them counts as one.
_MOST_GROUPS = 100_000
OTHERS = "(others)"


class Group(NamedTuple):
    """What a dag, a task or an asset keeps; ``size`` is that of its values."""

    values: int
    size: int
    permanent: int
    pages: int
    # The memory of its pages, as the server tells it.
    memory: int

    @property
    def weight(self) -> tuple[int, int]:
        """What groups are ranked by."""
        return (self.memory, self.size)


_VALUES, _SIZE, _PERMANENT, _PAGES, _MEMORY = range(len(Group._fields))
_EMPTY = [0] * len(Group._fields)


class Groups:
    """The groups of one kind."""

    def __init__(self) -> None:
        # Where the sums of a group begin.
        self._places: dict[str, int] = {}
        self._sums = array("q")

    def __len__(self) -> int:
        return len(self._places)

    def add_value(self, name: str, size: int, *, is_permanent: bool) -> None:
        """Count a value."""
        place, sums = self._place(name), self._sums
        sums[place + _VALUES] += 1
        sums[place + _SIZE] += size
        sums[place + _PERMANENT] += is_permanent

    def add_page(self, name: str, memory: int) -> None:
        """Count a page."""
        place, sums = self._place(name), self._sums
        sums[place + _PAGES] += 1
        sums[place + _MEMORY] += memory

    def total(self) -> Group:
        """Return the sums of all groups."""
        return Group(*(sum(self._sums[each :: len(_EMPTY)]) for each in range(len(_EMPTY))))

    def top(self, most: int) -> list[tuple[str, Group]]:
        """Return the groups of the most weight, by name."""
        return heapq.nlargest(most, self._each(), key=lambda named: named[1].weight)

    def _each(self) -> Iterator[tuple[str, Group]]:
        for name, place in self._places.items():
            yield name, Group(*self._sums[place : place + len(_EMPTY)])

    def _place(self, name: str) -> int:
        if name not in self._places:
            name = name if len(self) < _MOST_GROUPS else OTHERS
            if name not in self._places:
                self._places[name] = len(self._sums)
                self._sums.extend(_EMPTY)
        return self._places[name]
