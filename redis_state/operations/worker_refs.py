"""The document of a task's reference, with its payload: both lie in one slot, so one script does.

For those of assets, see `asset_state`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from redis_state.format import envelope
from redis_state.format.codec import Sealer
from redis_state.format.layout import Place
from redis_state.operations import scripts
from redis_state.operations.operation import (
    Argument,
    Batch,
    Capabilities,
    Operation,
    Replies,
    Scripted,
    native_deadline,
)
from redis_state.operations.writes import fields_of, gone, sealed_by

if TYPE_CHECKING:
    from redis_state.format.names import Names


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

    def end(self, replies: Replies) -> None:
        if not replies[0]:
            raise gone(self._key)
