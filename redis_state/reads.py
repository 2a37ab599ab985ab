"""The operations that read."""

from __future__ import annotations

from collections.abc import Iterable

from redis_state import envelope, resp, scripts
from redis_state.contract import Entry
from redis_state.keys import Place
from redis_state.operations import Batch, Capabilities, Operation, Replies, ScriptCall


class Get(Operation[str | None]):
    """Read one live value."""

    __slots__ = ("_incarnation", "_key", "_place")

    def __init__(self, place: Place, key: str, incarnation: int = envelope.UNKNOWN) -> None:
        self._place = place
        self._key = key
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
        page = self._place.page
        return envelope.live_text(raw, envelope.now(), self._incarnation, page, self._key)


class GetMany(Operation[dict[str, str]]):
    """Read the live ones of some values."""

    __slots__ = ("_incarnation", "_keys", "_place")

    def __init__(
        self, place: Place, keys: Iterable[str], incarnation: int = envelope.UNKNOWN
    ) -> None:
        self._place = place
        self._keys = list(dict.fromkeys(keys))
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
        now, page, found = envelope.now(), self._place.page, {}
        for key, raw in zip(self._keys, replies[0], strict=True):
            if raw is not None:
                text = envelope.live_text(raw, now, self._incarnation, page, key)
                if text is not None:
                    found[key] = text
        return found


class Entries(Operation[dict[str, Entry]]):
    """Read every live value of one scope with its times."""

    __slots__ = ("_incarnation", "_place")

    def __init__(self, place: Place, incarnation: int = envelope.UNKNOWN) -> None:
        self._place = place
        self._incarnation = incarnation

    @property
    def page(self) -> str:
        return self._place.page

    def begin(self, _: Capabilities) -> Batch:
        if self._place.prefix:
            return [ScriptCall(scripts.ENTRIES, (self._place.page,), (self._place.prefix,))]
        return [("HGETALL", self._place.page)]

    def end(self, replies: Replies) -> dict[str, Entry]:
        (flat,) = replies
        now, found = envelope.now(), {}
        for field, raw in zip(flat[::2], flat[1::2], strict=True):
            key = self._place.key(field)
            if key is not None:
                sealed = envelope.unseal(raw, self._place.page, key)
                if sealed.is_live(now, self._incarnation):
                    found[key] = _entry(sealed)
        return dict(sorted(found.items()))


def _entry(sealed: envelope.Envelope) -> Entry:
    never = sealed.expires_at == envelope.NEVER
    return Entry(
        sealed.text,
        envelope.to_datetime(sealed.updated_at),
        None if never else envelope.to_datetime(sealed.expires_at),
    )
