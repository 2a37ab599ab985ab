"""The worker values of an asset: how they are removed after the documents that stood for them.

`assets` says when. A worker value is *bound* while a document refers to it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import TypeAlias, TypeVar

from redis_state.format import envelope
from redis_state.format.codec import Codec
from redis_state.format.layout import Place
from redis_state.operations import scripts
from redis_state.operations.operation import (
    Argument,
    Batch,
    Capabilities,
    InTurn,
    Operation,
    Replies,
    ScriptCall,
    Scripted,
)

T = TypeVar("T")
# From the document of a reference to the place and key of its worker value.
Find: TypeAlias = Callable[[str], tuple[Place, str] | None]

# The most worker values that one step looks at: they may be large.
_WORKER_VALUES = 500


@dataclass(frozen=True, slots=True)
class Asset:
    """Where the state of an asset lies, how it is written, and how its worker values are found."""

    place: Place
    find: Find
    codec: Codec

    @property
    def pages(self) -> tuple[str, str]:
        """The page of the state, and that of the superseded references beside it."""
        return self.place.page, f"{self.place.page}:refs"

    @property
    def binding(self) -> bytes:
        """What a worker value of the asset has for its deadline."""
        page = self.place.page
        return envelope.deadline_bytes(envelope.bound_to(page[page.index("{") :]))


class Unbind(Operation[None]):
    """Remove worker values of one page that superseded documents stood for."""

    __slots__ = ("_asset", "_marked", "_place")

    def __init__(self, asset: Asset, place: Place, marked: list[tuple[bytes, str]]) -> None:
        self._asset = asset
        self._place = place
        self._marked = marked

    @property
    def page(self) -> str:
        return self._place.page

    def begin(self, server: Capabilities) -> Batch:
        arguments: list[Argument] = [self._asset.binding]
        for mark, key in self._marked:
            arguments += (mark, self._place.field(key))
        script = scripts.FIELD_UNBIND if server.field_expiry else scripts.HASH_UNBIND
        return [ScriptCall(script, (self.page,), tuple(arguments))]

    def end(self, _: Replies) -> None:
        return None


class Drop(Operation[None]):
    """Forget superseded references whose worker values are gone."""

    __slots__ = ("_asset", "_superseded")

    def __init__(self, asset: Asset, superseded: list[bytes]) -> None:
        self._asset = asset
        self._superseded = superseded

    @property
    def page(self) -> str:
        return self._asset.place.page

    def begin(self, _: Capabilities) -> Batch:
        return [("HDEL", self._asset.pages[1], *self._superseded)]

    def end(self, _: Replies) -> None:
        return None


class Release(Operation[None]):
    """Remove what a worker keeps under some fields, or all without any, but what is bound.

    Airflow lets the worker delete and clear after the server side has. What came meanwhile may be
    what an acknowledged value refers to by then.
    """

    __slots__ = ("_fields", "_place")

    def __init__(self, place: Place, fields: tuple[bytes, ...] = ()) -> None:
        self._place = place
        self._fields = fields

    @property
    def page(self) -> str:
        return self._place.page

    def begin(self, server: Capabilities) -> Batch:
        arguments: tuple[Argument, ...] = (_WORKER_VALUES, *self._fields)
        scripted = (scripts.HASH_RELEASE, scripts.FIELD_RELEASE)
        return Scripted(*scripted, (self._place,), arguments).begin(server)

    def end(self, replies: Replies) -> Operation[None] | None:
        parts = [Release(self._place, tuple(part)) for part in parts_of(replies[0], _WORKER_VALUES)]
        return InTurn(*parts) if parts else None


def removal_of(asset: Asset, superseded: list[bytes]) -> Operation[None] | None:
    """Return what removes the worker values of superseded references, and forgets these."""
    by_page: dict[Place | None, list[tuple[bytes, bytes, str]]] = {}
    for entry in superseded:
        mark, document = entry[: envelope.MARK_SIZE], entry[envelope.MARK_SIZE :]
        found = asset.find(document.decode("utf-8", "surrogatepass"))
        place, key = found if found is not None else (None, "")
        by_page.setdefault(place, []).append((entry, mark, key))
    steps: list[Operation[None]] = []
    for place, entries in by_page.items():
        for part in parts_of(entries, _WORKER_VALUES):
            if place is not None:
                steps.append(Unbind(asset, place, [(mark, key) for _, mark, key in part]))
            steps.append(Drop(asset, [entry for entry, _, _ in part]))
    return InTurn(*steps) if steps else None


def parts_of(items: list[T], size: int) -> Iterator[list[T]]:
    """Return a list in parts of a size."""
    rest = iter(items)
    while part := list(islice(rest, size)):
        yield part
