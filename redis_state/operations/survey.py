"""The operation that goes through the values of some pages, and reads none of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from redis_state.operations import scripts
from redis_state.operations.operation import (
    Batch,
    Capabilities,
    Operation,
    Replies,
    ScriptCall,
)


class Position(NamedTuple):
    """Where a walk goes on: in which of its pages, counted from 1, and at which cursor there."""

    page: int = 1
    cursor: bytes = b"0"


class Seen(NamedTuple):
    """A value that was met: its page and field, how it starts, and how many bytes it has in all.

    It starts with its header; the rest is there, too, where it came along.
    """

    page: str
    field: bytes
    start: bytes
    size: int


class Walked(NamedTuple):
    """What a step of a walk met, and where it goes on; None at its end."""

    seen: list[Seen]
    next: Position | None


# Few to a look, since values may be large; a step takes the server about a millisecond.
_TO_A_LOOK = 20
_ENOUGH_FIELDS = 500
_ENOUGH_BYTES = 1_000_000
_ENOUGH = (_TO_A_LOOK, _ENOUGH_FIELDS, _ENOUGH_BYTES)
# So many bytes of a step may come along as whole values; larger ones are read one by one.
_ALONG = 20_000


_START = Position()


class WalkPages(Operation[Walked]):
    """Take one step through pages of one slot; what was written before ``since`` (ms) is left out.

    See its script.
    """

    __slots__ = ("_arguments", "_pages")

    def __init__(
        self,
        pages: Sequence[str],
        start: Position = _START,
        *,
        with_values: bool = False,
        since: int = 0,
    ) -> None:
        self._pages = tuple(pages)
        self._arguments = (*start, *_ENOUGH, _ALONG if with_values else 0, since)

    @property
    def page(self) -> str:
        return self._pages[0]

    def begin(self, _: Capabilities) -> Batch:
        return [ScriptCall(scripts.WALK, self._pages, self._arguments)]

    def end(self, replies: Replies) -> Walked:
        number, cursor, *flat = replies[0]
        parts = zip(flat[::4], flat[1::4], flat[2::4], flat[3::4], strict=True)
        seen = [Seen(self._pages[page - 1], *others) for page, *others in parts]
        return Walked(seen, Position(number, cursor) if number else None)


class MeasureEach(Operation[list[int | None]]):
    """Ask a server how much memory each of its pages takes; None where it does not tell."""

    __slots__ = ("_pages",)

    reads_errors = True

    def __init__(self, pages: Sequence[str]) -> None:
        self._pages = pages

    @property
    def page(self) -> str:
        return self._pages[0]

    def begin(self, _: Capabilities) -> Batch:
        return [("MEMORY", "USAGE", page) for page in self._pages]

    def end(self, replies: Replies) -> list[int | None]:
        # A page that went meanwhile takes nothing.
        sizes = (0 if reply is None else reply for reply in replies)
        return [size if isinstance(size, int) else None for size in sizes]
