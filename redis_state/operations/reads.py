"""The operations that read."""

from __future__ import annotations

from collections.abc import Iterable

from redis_state.format import envelope
from redis_state.format.codec import PLAIN, Codec
from redis_state.format.layout import Place
from redis_state.format.references import MARK
from redis_state.operations import scripts
from redis_state.operations.operation import Batch, Capabilities, Operation, Replies, ScriptCall
from redis_state.scopes import Entry


class Get(Operation[str | None]):
    """Read one live value."""

    __slots__ = ("_codec", "_incarnation", "_key", "_place")

    def __init__(
        self,
        place: Place,
        key: str,
        incarnation: int = envelope.UNKNOWN,
        codec: Codec = PLAIN,
    ) -> None:
        self._place = place
        self._key = key
        self._codec = codec
        self._incarnation = incarnation

    @property
    def page(self) -> str:
        return self._place.page

    def begin(self, _: Capabilities) -> Batch:
        return [hget(self._place.argument, self._place.field(self._key))]

    def end(self, replies: Replies) -> str | None:
        raw = replies[0]
        if raw is None:
            return None
        return self._codec.live_text(raw, envelope.now(), self._incarnation, self._place, self._key)


class GetMany(Operation[dict[str, str]]):
    """Read the live ones of some values."""

    __slots__ = ("_codec", "_incarnation", "_keys", "_place")

    def __init__(
        self,
        place: Place,
        keys: Iterable[str],
        incarnation: int = envelope.UNKNOWN,
        codec: Codec = PLAIN,
    ) -> None:
        self._place = place
        self._keys = list(dict.fromkeys(keys))
        self._codec = codec
        self._incarnation = incarnation

    @property
    def page(self) -> str:
        return self._place.page

    def begin(self, _: Capabilities) -> Batch:
        if not self._keys:
            return []
        return [("HMGET", self._place.page, *[self._place.field(key) for key in self._keys])]

    def end(self, replies: Replies) -> dict[str, str]:
        if not replies:
            return {}
        now, place, codec, found = envelope.now(), self._place, self._codec, {}
        for key, raw in zip(self._keys, replies[0], strict=True):
            if raw is not None:
                text = codec.live_text(raw, now, self._incarnation, place, key)
                if text is not None:
                    found[key] = text
        return found


class GetEntry(Operation[Entry | None]):
    """Read one live value with its times."""

    __slots__ = ("_codec", "_incarnation", "_key", "_place")

    def __init__(
        self, place: Place, key: str, incarnation: int = envelope.UNKNOWN, codec: Codec = PLAIN
    ) -> None:
        self._place = place
        self._key = key
        self._codec = codec
        self._incarnation = incarnation

    @property
    def page(self) -> str:
        return self._place.page

    def begin(self, _: Capabilities) -> Batch:
        return [hget(self._place.argument, self._place.field(self._key))]

    def end(self, replies: Replies) -> Entry | None:
        now = envelope.now()
        return entry_of(replies[0], self._place, self._key, now, self._incarnation, self._codec)


class Entries(Operation[dict[str, Entry]]):
    """Read every live value of one scope with its times."""

    __slots__ = ("_codec", "_incarnation", "_place")

    def __init__(
        self, place: Place, incarnation: int = envelope.UNKNOWN, codec: Codec = PLAIN
    ) -> None:
        self._place = place
        self._codec = codec
        self._incarnation = incarnation

    @property
    def page(self) -> str:
        return self._place.page

    def begin(self, _: Capabilities) -> Batch:
        if self._place.prefix:
            return [ScriptCall(scripts.ENTRIES, (self._place.page,), (self._place.prefix,))]
        return [("HGETALL", self._place.page)]

    def end(self, replies: Replies) -> dict[str, Entry]:
        now, place, flat, found = envelope.now(), self._place, replies[0], {}
        for field, raw in zip(flat[::2], flat[1::2], strict=True):
            key = key_of(place, field)
            if key is None:
                continue
            entry = entry_of(raw, place, key, now, self._incarnation, self._codec)
            if entry is not None:
                found[key] = entry
        return dict(sorted(found.items()))


def hget(page: bytes, field: bytes) -> bytes:
    """Read a field."""
    return b"*3\r\n$4\r\nHGET\r\n%b$%d\r\n%b\r\n" % (page, len(field), field)


def key_of(place: Place, field: bytes) -> str | None:
    """Return the state key of a field, or None for a field that is not this place's."""
    try:
        return place.key(field)
    except UnicodeDecodeError as error:
        raise envelope.corrupt(
            place.page, field.hex(), "is no text: redis-state did not write it. Delete this field."
        ) from error


def entry_of(
    raw: bytes | None, place: Place, key: str, now: int, incarnation: int, codec: Codec
) -> Entry | None:
    """Return a value with its times, or None where a reader may not see it."""
    # What a reader may not see needs no encryption key to be absent.
    if raw is None or not envelope.read_header(raw, place.page, key).is_live(now, incarnation):
        return None
    return _entry(codec.decode(raw, place, key), place.page)


def _entry(found: envelope.Envelope, page: str) -> Entry:
    # A worker value of an asset; no namespace has braces.
    is_bound = ":aw:{" in page and envelope.is_bound(found.expires_at)
    never = found.expires_at == envelope.NEVER or is_bound
    return Entry(
        found.text,
        envelope.to_datetime(found.updated_at),
        None if never else envelope.to_datetime(found.expires_at),
        # Of a document, the number is the mark of its worker value.
        ":a:{" in page
        and found.incarnation == envelope.SET_BY_API
        and not found.text.startswith(MARK),
    )
