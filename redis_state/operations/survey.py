"""The operation that goes through the values of some pages, and reads none of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from redis_state.operations import scripts
from redis_state.operations.operation import Batch, Capabilities, Operation, Replies, ScriptCall


class Position(NamedTuple):
    """Where a walk goes on: in which of its pages, counted from 1, and at which cursor there."""

    page: int = 1
    cursor: bytes = b"0"


class Seen(NamedTuple):
    """A value that was met: its page and field, its header, and how many bytes it has in all."""

    page: str
    field: bytes
    header: bytes
    size: int


class Walked(NamedTuple):
    """What a step of a walk met, and where it goes on; None at its end."""

    seen: list[Seen]
    next: Position | None


class WalkPages(Operation[Walked]):
    """Take one step through pages of one slot: see its script."""

    __slots__ = ("_pages", "_start")

    # Few to a look, since values may be large; a step takes the server about a millisecond.
    _TO_A_LOOK = 20
    _ENOUGH_FIELDS = 500
    _ENOUGH_BYTES = 1_000_000

    def __init__(self, pages: Sequence[str], start: Position) -> None:
        self._pages = tuple(pages)
        self._start = start

    @property
    def page(self) -> str:
        return self._pages[0]

    def begin(self, _: Capabilities) -> Batch:
        enough = (self._TO_A_LOOK, self._ENOUGH_FIELDS, self._ENOUGH_BYTES)
        return [ScriptCall(scripts.WALK, self._pages, (*self._start, *enough))]

    def end(self, replies: Replies) -> Walked:
        number, cursor, *flat = replies[0]
        parts = zip(flat[::4], flat[1::4], flat[2::4], flat[3::4], strict=True)
        seen = [Seen(self._pages[page - 1], *others) for page, *others in parts]
        return Walked(seen, Position(number, cursor) if number else None)


class MeasurePage(Operation[int | None]):
    """Ask the server how much memory a page takes; None where it may not be asked."""

    __slots__ = ("_page",)

    reads_errors = True

    def __init__(self, page: str) -> None:
        self._page = page

    @property
    def page(self) -> str:
        return self._page

    def begin(self, _: Capabilities) -> Batch:
        return [("MEMORY", "USAGE", self._page)]

    def end(self, replies: Replies) -> int | None:
        # A page that went meanwhile takes nothing.
        answer = 0 if replies[0] is None else replies[0]
        return answer if isinstance(answer, int) else None
