"""The state of an asset, and the worker values that it refers to.

The state lies under the asset's id, a worker value under the name or uri that its reference spells
out; in a cluster, that may be another server. So what changes both takes steps, and they are
idempotent together, from any of them on:

1. The worker value is *bound* to the asset. That gives its mark, which tells this write of it from
   all others, and which the document carries.
2. The document is written, or others are removed. In the same step, each document whose time is
   over is noted among the asset's *superseded* references.
3. The worker value is looked for again: a write that is retried may come after a later one has
   removed it, and then takes its document back.
4. The worker values of superseded references go, if they still are what their documents stood for.
5. These references are forgotten.

Whatever changes the asset next takes up what was left of 4 and 5.
"""

from __future__ import annotations

from collections.abc import Mapping

from redis_state.format import envelope
from redis_state.format.layout import Place
from redis_state.format.references import MARK
from redis_state.operations import scripts
from redis_state.operations.asset_refs import Asset, parts_of, removal_of
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
from redis_state.operations.writes import gone

# The most fields that one step of a clear removes: a few milliseconds of the server.
_FIELDS = 1000
# A write takes up no more of what others left.
_LEFT = 50


class WriteAsset(Operation[None]):
    """Write values of an asset; a document of a reference with the mark of its worker value."""

    __slots__ = ("_asset", "_expires_at", "_mark", "_then", "_values")

    writes = True

    def __init__(
        self,
        asset: Asset,
        values: Mapping[str, bytes],
        expires_at: int,
        mark: int = 0,
        then: Operation[None] | None = None,
    ) -> None:
        self._then = then
        self._asset = asset
        self._values = values
        self._expires_at = expires_at
        self._mark = mark

    @property
    def page(self) -> str:
        return self._asset.place.page

    def begin(self, server: Capabilities) -> Batch:
        if not self._values:
            return []
        place, codec, now = self._asset.place, self._asset.codec, envelope.now()
        arguments: list[Argument] = [MARK, _LEFT, envelope.native_deadline(self._expires_at)]
        for key, value in self._values.items():
            encoded = codec.encode(value, now, self._expires_at, self._mark, place, key)
            arguments += (place.field(key), encoded)
        script = scripts.FIELD_ASSET_SET if server.field_expiry else scripts.HASH_ASSET_SET
        return [ScriptCall(script, self._asset.pages, tuple(arguments))]

    def end(self, replies: Replies) -> Operation[None] | None:
        if not replies:
            return None
        written, superseded = replies[0]
        steps = [self._then if written else None, removal_of(self._asset, superseded)]
        left = [step for step in steps if step is not None]
        return InTurn(*left) if left else None


class WriteAssetDocument(Operation[None]):
    """Bind the worker value of a reference, and write the document with its mark."""

    __slots__ = ("_asset", "_document", "_expires_at", "_is_own", "_key", "_worker_value")

    def __init__(
        self,
        asset: Asset,
        key: str,
        document: bytes,
        expires_at: int,
        worker_value: tuple[Place, str],
        *,
        is_own: bool,
    ) -> None:
        self._asset = asset
        self._key = key
        self._document = document
        self._expires_at = expires_at
        self._worker_value = worker_value
        self._is_own = is_own

    @property
    def page(self) -> str:
        return self._worker_value[0].page

    def begin(self, server: Capabilities) -> Batch:
        place, key = self._worker_value
        arguments = (self._asset.binding, int(self._is_own), place.field(key))
        return Scripted(scripts.HASH_BIND, scripts.FIELD_BIND, (place,), arguments).begin(server)

    def end(self, replies: Replies) -> Operation[None]:
        (mark,) = replies
        if mark is None:
            raise gone(self._key)
        values = {self._key: self._document}
        if not mark:
            # The worker value is another asset's: this is a value like any other.
            return WriteAsset(self._asset, values, self._expires_at)
        look = _LookAgain(self._asset, mark + self._document, self._worker_value)
        return WriteAsset(self._asset, values, envelope.NEVER, int.from_bytes(mark), look)


class _LookAgain(Operation[None]):
    """See whether the worker value of a document is there, now that the document is."""

    __slots__ = ("_asset", "_entry", "_worker_value")

    def __init__(self, asset: Asset, entry: bytes, worker_value: tuple[Place, str]) -> None:
        self._asset = asset
        self._entry = entry
        self._worker_value = worker_value

    @property
    def page(self) -> str:
        return self._worker_value[0].page

    def begin(self, _: Capabilities) -> Batch:
        place, key = self._worker_value
        return [("HEXISTS", place.page, place.field(key))]

    def end(self, replies: Replies) -> Operation[None] | None:
        return None if replies[0] else _Withdraw(self._asset, self._entry, self._worker_value[1])


class _Withdraw(Operation[None]):
    """Take a document back whose worker value is gone, and say so."""

    __slots__ = ("_asset", "_entry", "_key")

    def __init__(self, asset: Asset, entry: bytes, key: str) -> None:
        self._asset = asset
        self._entry = entry
        self._key = key

    @property
    def page(self) -> str:
        return self._asset.place.page

    def begin(self, server: Capabilities) -> Batch:
        forms = (scripts.HASH_ASSET_WITHDRAW, scripts.FIELD_ASSET_WITHDRAW)
        arguments = (MARK, self._entry, self._asset.place.field(self._key))
        return [ScriptCall(forms[server.field_expiry], self._asset.pages, arguments)]

    def end(self, _: Replies) -> None:
        raise gone(self._key)


class DeleteAsset(Operation[None]):
    """Remove one value of an asset, and what it refers to."""

    __slots__ = ("_asset", "_fields", "_most")

    def __init__(self, asset: Asset, fields: tuple[bytes, ...], most: int = _LEFT) -> None:
        self._asset = asset
        self._fields = fields
        self._most = most

    @property
    def page(self) -> str:
        return self._asset.place.page

    def begin(self, server: Capabilities) -> Batch:
        script = scripts.FIELD_ASSET_DELETE if server.field_expiry else scripts.HASH_ASSET_DELETE
        return [ScriptCall(script, self._asset.pages, (MARK, self._most, *self._fields))]

    def end(self, replies: Replies) -> Operation[None] | None:
        return removal_of(self._asset, replies[0])


class ClearAsset(Operation[None]):
    """Remove all values of an asset, and what they refer to."""

    __slots__ = ("_asset",)

    def __init__(self, asset: Asset) -> None:
        self._asset = asset

    @property
    def page(self) -> str:
        return self._asset.place.page

    def begin(self, _: Capabilities) -> Batch:
        return [ScriptCall(scripts.ASSET_CLEAR, self._asset.pages, (MARK, _FIELDS))]

    def end(self, replies: Replies) -> Operation[None] | None:
        fields, superseded = replies[0]
        if fields:
            # They are read once: to read them for each part would take ever longer.
            parts = [tuple(part) for part in parts_of(fields, _FIELDS)]
            return InTurn(*[DeleteAsset(self._asset, part, _FIELDS) for part in parts], self)
        removal = removal_of(self._asset, superseded)
        # Clears that went before may have left more than one answer holds.
        is_all = len(superseded) < _FIELDS
        return removal if removal is None or is_all else InTurn(removal, self)
