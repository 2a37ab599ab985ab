"""One page of the keys of a scope, in their order, which Redis does not know.

So each page takes a look at all keys of the scope, in many short steps, between which the server
serves others. What is kept of them here is bounded: far behind the first keys, it takes one more
look at all of them for each `_MOST_KEPT`.
"""

from __future__ import annotations

from redis_state.admin.steps import Ask, Steps
from redis_state.format.codec import Codec
from redis_state.format.layout import Place
from redis_state.operations.listing import Keys, ListKeys, ReadListed
from redis_state.scopes import Listing

_MOST_KEPT = 100_000
# A step takes the server a millisecond or less: so many keys, and fewer where values are large.
_FIRST_COUNT = 100
_MOST_KEYS = 1000
_MOST_BYTES = 1_000_000


def list_keys(
    place: Place, codec: Codec, incarnation: int, *, limit: int, offset: int
) -> Steps[Listing]:
    """Read the keys from ``offset`` on, ``limit`` at most, with their values."""
    after: str | None = None
    left = offset
    while left >= _MOST_KEPT:
        first, total = yield from _first_keys(place, incarnation, _MOST_KEPT, after)
        if len(first) < _MOST_KEPT:
            # Nothing is so far behind.
            return Listing({}, {}, total)
        left -= _MOST_KEPT
        after = first[-1]
    first, total = yield from _first_keys(place, incarnation, left + limit, after)
    found: Listing = yield Ask(ReadListed(place, first[left:], total, incarnation, codec))
    return found


def _first_keys(
    place: Place, incarnation: int, wanted: int, after: str | None
) -> Steps[tuple[list[str], int]]:
    """Return the first keys behind one, in their order, and how many there are in all."""
    first = _First(wanted, after)
    total, cursor, count = 0, b"0", _FIRST_COUNT
    while True:
        found: Keys = yield Ask(ListKeys(place, cursor, count, incarnation))
        total += len(found.keys)
        first.add(found.keys)
        cursor = found.cursor
        if cursor == b"0":
            return first.in_order(), total
        count = min(_MOST_KEYS, max(1, int(_MOST_BYTES / max(found.value_size, 1))))


class _First:
    """The first of many keys, and no more than about twice as many at a time."""

    def __init__(self, wanted: int, after: str | None) -> None:
        self._wanted = wanted
        self._after = after
        self._keys: list[str] = []
        # Of the keys kept, once there are enough of them.
        self._last: str | None = None

    def add(self, keys: list[str]) -> None:
        after, last = self._after, self._last
        if after is not None:
            keys = [key for key in keys if key > after]
        if last is not None:
            keys = [key for key in keys if key < last]
        self._keys += keys
        if len(self._keys) > 2 * self._wanted + _MOST_KEYS:
            self._keys = self.in_order()
            self._last = self._keys[-1] if self._keys else ""

    def in_order(self) -> list[str]:
        # A key may be met twice while the hash grows.
        return sorted(set(self._keys))[: self._wanted]
