"""Operations on references together with their payloads, where both lie on one server.

A task's payload lies in the slot of its reference, so one script changes both. An asset's is kept
by the asset's name or uri, which only the reference tells; it goes before the reference does, so
that a crash between the two leaves something to begin from again.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

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
from redis_state.writes import Clear, Delete

# From the document of a reference to the place and key of its payload.
Find: TypeAlias = Callable[[str], tuple[Place, str] | None]


class WriteTaskDocument(Operation[None]):
    """Write a reference and give its payload the same deadline, or drop a payload now stale."""

    __slots__ = ("_document", "_expires_at", "_incarnation", "_key", "_names_payload", "_places")

    def __init__(
        self,
        places: tuple[Place, Place],
        key: str,
        document: bytes,
        expires_at: int,
        incarnation: int,
        *,
        names_payload: bool,
    ) -> None:
        self._places = places
        self._key = key
        self._document = document
        self._expires_at = expires_at
        self._incarnation = incarnation
        self._names_payload = names_payload

    @property
    def page(self) -> str:
        return self._places[0].page

    def begin(self, server: Capabilities) -> Batch:
        expires_at = self._expires_at
        sealed = envelope.seal(self._document, envelope.now(), expires_at, self._incarnation)
        deadline = (native_deadline(expires_at), envelope.deadline_bytes(expires_at))
        field = self._places[0].field(self._key)
        arguments = (*deadline, field, sealed, int(self._names_payload))
        script = Scripted(scripts.HASH_REFER, scripts.FIELD_REFER, self._places, arguments)
        return script.begin(server)

    def end(self, _: Replies) -> None:
        return None


class WriteAssetDocument(Operation[None]):
    """Write a reference, and remove the payload of another one that it takes the place of."""

    __slots__ = ("_document", "_field", "_find", "_place")

    def __init__(self, place: Place, key: str, document: bytes, find: Find) -> None:
        self._place = place
        self._field = place.field(key)
        self._document = document
        self._find = find

    @property
    def page(self) -> str:
        return self._place.page

    def begin(self, server: Capabilities) -> Batch:
        sealed = envelope.seal(self._document, envelope.now(), envelope.NEVER)
        arguments = (MARK, self._field, sealed)
        replace = Scripted(scripts.HASH_REPLACE, scripts.FIELD_REPLACE, (self._place,), arguments)
        return replace.begin(server)

    def end(self, replies: Replies) -> Operation[None] | None:
        (old,) = replies
        return None if old is None else _removal(old, self._find)


class Forget(Operation[None]):
    """Remove one value of an asset, or all without a key, with the payloads they refer to."""

    __slots__ = ("_find", "_key", "_place")

    def __init__(self, place: Place, key: str | None, find: Find) -> None:
        self._place = place
        self._key = key
        self._find = find

    @property
    def page(self) -> str:
        return self._place.page

    def begin(self, server: Capabilities) -> Batch:
        fields = () if self._key is None else (self._place.field(self._key),)
        arguments: tuple[Argument, ...] = (MARK, *fields)
        forget = Scripted(scripts.HASH_FORGET, scripts.FIELD_FORGET, (self._place,), arguments)
        return forget.begin(server)

    def end(self, replies: Replies) -> Operation[None] | None:
        (found,) = replies
        if not found:
            return None
        removals = [_removal(reference, self._find) for reference in found]
        places = (self._place,)
        ending = Clear(places) if self._key is None else Delete(places, self._key)
        return InTurn(*[removal for removal in removals if removal is not None], ending)


def _removal(reference: bytes, find: Find) -> Operation[None] | None:
    """Return what removes the payload of a reference, where it is one of ours."""
    found = find(reference.decode("utf-8", "surrogatepass"))
    return None if found is None else Delete((found[0],), found[1])
