"""Values of many pages: in piles that are read together, in parts that are a step of the server."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

from redis_state.admin.migration.values import BATCH_BYTES, Problem, Spot, Value
from redis_state.admin.walking import Found
from redis_state.format.layout import Place

T = TypeVar("T")
# A step takes the server about a millisecond.
_STEP_VALUES = 100
_STEP_BYTES = 500_000


class Pile:
    """Values that were met and are to be read together."""

    def __init__(self, most: int) -> None:
        self._most = most
        # `HSCAN` may give a field twice.
        self.found: dict[tuple[str, bytes], Found] = {}
        self.unreadable: list[Problem] = []
        self._bytes = 0

    def add(self, found: Found) -> None:
        """Put one more on it."""
        self.found[found.page, found.field] = found
        self._bytes += found.size

    @property
    def is_full(self) -> bool:
        """Tell whether there are enough."""
        return len(self.found) >= self._most or self._bytes >= BATCH_BYTES

    @property
    def is_small(self) -> bool:
        """Tell whether it is no more than what is under way together anyway."""
        return self._bytes <= BATCH_BYTES

    def clear(self) -> None:
        """Begin with the next pile."""
        self.found, self.unreadable, self._bytes = {}, [], 0


def spot_of(found: Found) -> Spot:
    """Return the name of a value that was met."""
    return Spot(found.scope, found.key, found.of_worker)


def head_of(found: Found) -> Value:
    """Return a value that was met, without its body."""
    head = found.header
    return Value(spot_of(found), head.updated_at // 1000, head.expires_at, head.incarnation, b"")


def by_page(placed: Iterable[tuple[Place, T]]) -> dict[str, list[tuple[Place, T]]]:
    """Return what lies on each page."""
    pages: dict[str, list[tuple[Place, T]]] = {}
    for pair in placed:
        pages.setdefault(pair[0].page, []).append(pair)
    return pages


def parts(pages: dict[str, list[T]], size_of: Callable[[T], int]) -> Iterator[tuple[str, list[T]]]:
    """Return what lies on pages in parts, each of which is a step of the server."""
    for page, items in pages.items():
        part: list[T] = []
        size = 0
        for item in items:
            part.append(item)
            size += size_of(item)
            if len(part) >= _STEP_VALUES or size >= _STEP_BYTES:
                yield page, part
                part, size = [], 0
        if part:
            yield page, part
