"""The document of a task's reference, with its worker value.

Both lie in one slot, so one script does. For those of assets, see `assets`.
"""

from __future__ import annotations

from redis_state.format import envelope
from redis_state.format.codec import PLAIN, Codec
from redis_state.format.layout import Place
from redis_state.operations import scripts
from redis_state.operations.operation import (
    Argument,
    Batch,
    Capabilities,
    Operation,
    Replies,
    Scripted,
)
from redis_state.operations.writes import gone


class WriteTaskDocument(Operation[None]):
    """Write a reference and give its worker value the same deadline, or drop a stale one."""

    __slots__ = (
        "_codec",
        "_document",
        "_expires_at",
        "_incarnation",
        "_key",
        "_names_worker_value",
        "_places",
    )

    writes = True

    def __init__(
        self,
        places: tuple[Place, Place],
        key: str,
        document: bytes,
        expires_at: int,
        incarnation: int,
        codec: Codec = PLAIN,
        *,
        names_worker_value: bool,
    ) -> None:
        self._places = places
        self._key = key
        self._document = document
        self._expires_at = expires_at
        self._incarnation = incarnation
        self._codec = codec
        self._names_worker_value = names_worker_value

    @property
    def page(self) -> str:
        return self._places[0].page

    def begin(self, server: Capabilities) -> Batch:
        place, expires_at = self._places[0], self._expires_at
        encoded = self._codec.encode(
            self._document, envelope.now(), expires_at, self._incarnation, place, self._key
        )
        arguments: tuple[Argument, ...] = (
            envelope.native_deadline(expires_at),
            envelope.deadline_bytes(expires_at),
            encoded,
            int(self._names_worker_value),
            place.field(self._key),
        )
        script = Scripted(scripts.HASH_REFER, scripts.FIELD_REFER, self._places, arguments)
        return script.begin(server)

    def end(self, replies: Replies) -> None:
        if not replies[0]:
            raise gone(self._key)
