"""Operations on references together with their payloads, where both lie on one server.

A task's payload lies in the slot of its reference, so one script changes both. An asset's is kept
by the asset's name or uri, which only the reference tells; it goes before the reference does, so
that a crash between the two leaves something to begin from again.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, TypeAlias

from redis_state import envelope, scripts
from redis_state.keys import Place
from redis_state.operations import (
    Argument,
    Batch,
    Capabilities,
    InTurn,
    Operation,
    Replies,
    Scripted,
    native_deadline,
)
from redis_state.references import MARK
from redis_state.sealing.sealer import Sealer
from redis_state.writes import Clear, Delete, fields_of, sealed_by

if TYPE_CHECKING:
    from redis_state.sealing.names import Names

# From the document of a reference to the place and key of its payload.
Find: TypeAlias = Callable[[str], tuple[Place, str] | None]


class WriteTaskDocument(Operation[None]):
    """Write a reference and give its payload the same deadline, or drop a payload now stale."""

    __slots__ = (
        "_document",
        "_expires_at",
        "_incarnation",
        "_key",
        "_names",
        "_names_payload",
        "_places",
        "_sealer",
    )

    def __init__(
        self,
        places: tuple[Place, Place],
        key: str,
        document: bytes,
        expires_at: int,
        incarnation: int,
        sealer: Sealer | None = None,
        names: Names | None = None,
        *,
        names_payload: bool,
    ) -> None:
        self._places = places
        self._key = key
        self._document = document
        self._expires_at = expires_at
        self._incarnation = incarnation
        self._sealer = sealer
        self._names = names
        self._names_payload = names_payload

    @property
    def page(self) -> str:
        return self._places[0].page

    def begin(self, server: Capabilities) -> Batch:
        expires_at = self._expires_at
        times, incarnation, place = (envelope.now(), expires_at), self._incarnation, self._places[0]
        sealed = sealed_by(self._sealer, self._document, times, incarnation, place, self._key)
        deadline = (native_deadline(expires_at), envelope.deadline_bytes(expires_at))
        fields = fields_of(place, self._key, self._names)
        arguments: tuple[Argument, ...] = (*deadline, sealed, int(self._names_payload), *fields)
        script = Scripted(scripts.HASH_REFER, scripts.FIELD_REFER, self._places, arguments)
        return script.begin(server)

    def end(self, _: Replies) -> None:
        return None


class WriteAssetDocument(Operation[None]):
    """Write a reference, and remove the payload of another one that it takes the place of."""

    __slots__ = ("_document", "_find", "_key", "_names", "_place", "_sealer")

    def __init__(
        self,
        place: Place,
        key: str,
        document: bytes,
        find: Find,
        sealer: Sealer | None = None,
        names: Names | None = None,
    ) -> None:
        self._names = names
        self._place = place
        self._key = key
        self._document = document
        self._find = find
        self._sealer = sealer

    @property
    def page(self) -> str:
        return self._place.page

    def begin(self, server: Capabilities) -> Batch:
        times, place, key = (envelope.now(), envelope.NEVER), self._place, self._key
        # A reference stays plain, for the scripts; a value kept inline is one like any other.
        sealed = sealed_by(self._sealer, self._document, times, envelope.UNKNOWN, place, key)
        arguments: tuple[Argument, ...] = (MARK, sealed, *fields_of(place, key, self._names))
        replace = Scripted(scripts.HASH_REPLACE, scripts.FIELD_REPLACE, (self._place,), arguments)
        return replace.begin(server)

    def end(self, replies: Replies) -> Operation[None] | None:
        (old,) = replies
        return None if old is None else _removal(old, self._find, self._names)


class Forget(Operation[None]):
    """Remove one value of an asset, or all without a key, with the payloads they refer to."""

    __slots__ = ("_find", "_key", "_names", "_place")

    def __init__(
        self, place: Place, key: str | None, find: Find, names: Names | None = None
    ) -> None:
        self._names = names
        self._place = place
        self._key = key
        self._find = find

    @property
    def page(self) -> str:
        return self._place.page

    def begin(self, server: Capabilities) -> Batch:
        fields = () if self._key is None else fields_of(self._place, self._key, self._names)
        arguments: tuple[Argument, ...] = (MARK, *fields)
        forget = Scripted(scripts.HASH_FORGET, scripts.FIELD_FORGET, (self._place,), arguments)
        return forget.begin(server)

    def end(self, replies: Replies) -> Operation[None] | None:
        (found,) = replies
        if not found:
            return None
        removals = [_removal(reference, self._find, self._names) for reference in found]
        places = (self._place,)
        ending = Clear(places) if self._key is None else Delete(places, self._key, self._names)
        return InTurn(*[removal for removal in removals if removal is not None], ending)


def _removal(reference: bytes, find: Find, names: Names | None) -> Operation[None] | None:
    """Return what removes the payload of a reference, where it is one of ours."""
    found = find(reference.decode("utf-8", "surrogatepass"))
    return None if found is None else Delete((found[0],), found[1], names)
