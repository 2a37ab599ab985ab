"""The operations that read."""

from __future__ import annotations

from collections.abc import Iterable

from redis_state.format import envelope, resp
from redis_state.format.envelope import Opener
from redis_state.format.layout import Place
from redis_state.operations import scripts
from redis_state.operations.operation import Batch, Capabilities, Operation, Replies, ScriptCall
from redis_state.scopes import Entry


class Get(Operation[str | None]):
    """Read one live value."""

    __slots__ = ("_incarnation", "_key", "_opener", "_place")

    def __init__(
        self,
        place: Place,
        key: str,
        incarnation: int = envelope.UNKNOWN,
        opener: Opener | None = None,
    ) -> None:
        self._place = place
        self._key = key
        self._opener = opener
        self._incarnation = incarnation

    @property
    def page(self) -> str:
        return self._place.page

    def begin(self, _: Capabilities) -> Batch:
        return [resp.hget(self._place.argument, self._place.field(self._key))]

    def end(self, replies: Replies) -> str | None:
        raw = replies[0]
        if raw is None:
            return None
        place, now = self._place, envelope.now()
        return envelope.live_text(
            raw, now, self._incarnation, place.page, self._key, self._opener, place.prefix
        )


class GetMany(Operation[dict[str, str]]):
    """Read the live ones of some values."""

    __slots__ = ("_incarnation", "_keys", "_opener", "_place")

    def __init__(
        self,
        place: Place,
        keys: Iterable[str],
        incarnation: int = envelope.UNKNOWN,
        opener: Opener | None = None,
    ) -> None:
        self._place = place
        self._keys = list(dict.fromkeys(keys))
        self._opener = opener
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
        now, page, prefix, found = envelope.now(), self._place.page, self._place.prefix, {}
        for key, raw in zip(self._keys, replies[0], strict=True):
            if raw is not None:
                text = envelope.live_text(
                    raw, now, self._incarnation, page, key, self._opener, prefix
                )
                if text is not None:
                    found[key] = text
        return found


class Entries(Operation[dict[str, Entry]]):
    """Read every live value of one scope with its times."""

    __slots__ = ("_incarnation", "_opener", "_place")

    def __init__(
        self, place: Place, incarnation: int = envelope.UNKNOWN, opener: Opener | None = None
    ) -> None:
        self._place = place
        self._opener = opener
        self._incarnation = incarnation

    @property
    def page(self) -> str:
        return self._place.page

    def begin(self, _: Capabilities) -> Batch:
        if self._place.prefix:
            return [ScriptCall(scripts.ENTRIES, (self._place.page,), (self._place.prefix,))]
        return [("HGETALL", self._place.page)]

    def end(self, replies: Replies) -> dict[str, Entry]:
        now, page, prefix, found = envelope.now(), self._place.page, self._place.prefix, {}
        for key, raw in self._by_key(replies[0]).items():
            if envelope.read_header(raw, page, key).is_live(now, self._incarnation):
                found[key] = _entry(envelope.unseal(raw, page, key, self._opener, prefix), page)
        return dict(sorted(found.items()))

    def _by_key(self, flat: list[bytes]) -> dict[str, bytes]:
        found = {}
        for field, raw in zip(flat[::2], flat[1::2], strict=True):
            key = key_of(self._place, field)
            if key is not None:
                found[key] = raw
        return found


def key_of(place: Place, field: bytes) -> str | None:
    """Return the state key of a field, or None for a field that is not this place's."""
    try:
        return place.key(field)
    except UnicodeDecodeError as error:
        raise envelope.corrupt(
            place.page,
            field.hex(),
            "is no text: it is encrypted, and [redis_state] encrypt_key_names is off here, or "
            "redis-state did not write it.",
        ) from error


def _entry(sealed: envelope.Envelope, page: str) -> Entry:
    # The payload of an asset; no namespace has braces.
    is_bound = ":aw:{" in page and envelope.is_bound(sealed.expires_at)
    never = sealed.expires_at == envelope.NEVER or is_bound
    return Entry(
        sealed.text,
        envelope.to_datetime(sealed.updated_at),
        None if never else envelope.to_datetime(sealed.expires_at),
    )
