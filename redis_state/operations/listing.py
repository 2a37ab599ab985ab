"""The operations that list the keys of a scope, a part at a time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from redis_state.errors import StateStoreError
from redis_state.format import envelope
from redis_state.format.codec import Codec
from redis_state.format.layout import Place
from redis_state.operations import scripts
from redis_state.operations.operation import Batch, Capabilities, Operation, Replies, ScriptCall
from redis_state.operations.reads import entry_of, key_of
from redis_state.scopes import Listing


class Keys(NamedTuple):
    """Live keys of a scope, where to go on, and the bytes of an average value."""

    cursor: bytes
    keys: list[str]
    value_size: float


class ListKeys(Operation[Keys]):
    """Take one step through the keys of a scope: see its script."""

    __slots__ = ("_count", "_cursor", "_incarnation", "_place")

    def __init__(self, place: Place, cursor: bytes, count: int, incarnation: int) -> None:
        self._place = place
        self._cursor = cursor
        self._count = count
        self._incarnation = incarnation

    @property
    def page(self) -> str:
        return self._place.page

    def begin(self, _: Capabilities) -> Batch:
        arguments = (self._cursor, self._count, self._place.prefix)
        return [ScriptCall(scripts.LIST, (self._place.page,), arguments)]

    def end(self, replies: Replies) -> Keys:
        cursor, size, seen, *flat = replies[0]
        place, incarnation, now, keys = self._place, self._incarnation, envelope.now(), []
        for field, header in zip(flat[::2], flat[1::2], strict=True):
            if envelope.is_ours(header):
                _, _, _, expires_at, written_by = envelope.unpack(header)
                if not envelope.may_read(expires_at, written_by, now, incarnation):
                    continue
            # Of foreign bytes, whoever lists keys shall see that there is something.
            key = key_of(place, field)
            if key is not None:
                keys.append(key)
        return Keys(cursor, keys, size / max(seen, 1))


class ReadListed(Operation[Listing]):
    """Read the values of some keys with their times; what cannot be read does not hide the rest."""

    __slots__ = ("_codec", "_incarnation", "_keys", "_place", "_total")

    def __init__(
        self, place: Place, keys: Sequence[str], total: int, incarnation: int, codec: Codec
    ) -> None:
        self._place = place
        self._keys = keys
        self._total = total
        self._incarnation = incarnation
        self._codec = codec

    @property
    def page(self) -> str:
        return self._place.page

    def begin(self, _: Capabilities) -> Batch:
        if not self._keys:
            return []
        return [("HMGET", self._place.page, *map(self._place.field, self._keys))]

    def end(self, replies: Replies) -> Listing:
        listing, now = Listing({}, {}, self._total), envelope.now()
        for key, raw in zip(self._keys, replies[0] if replies else (), strict=True):
            try:
                entry = entry_of(raw, self._place, key, now, self._incarnation, self._codec)
            except StateStoreError as error:
                listing.unreadable[key] = str(error)
                continue
            if entry is not None:
                listing.entries[key] = entry
        return listing
