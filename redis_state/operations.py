"""What each verb sends and how its reply reads, for each form of expiry; no I/O.

An operation is a function of the server's capabilities that yields batches of commands, receives
their replies, and returns its result. The sync and the async client drive the same operations.
Every operation may be repeated from its start: it would end in the same state.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias, TypeVar

from redis_state import envelope, scripts
from redis_state.contract import Entry
from redis_state.keys import SUMMARY, Place
from redis_state.scripts import Script

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What of native expiry the server has: per field at all, and in one command with the write."""

    field_expiry: bool
    hsetex: bool


Argument: TypeAlias = str | bytes | int
Command: TypeAlias = tuple[Argument, ...]


@dataclass(frozen=True, slots=True)
class ScriptCall:
    """A script to run on pages; the client sends its SHA, and its text where that is unknown."""

    script: Script
    pages: tuple[str, ...]
    arguments: tuple[Argument, ...]


Batch: TypeAlias = list[Command | ScriptCall]
Replies: TypeAlias = list[Any]
Steps: TypeAlias = Generator[Batch, Replies, T]
Operation: TypeAlias = Callable[[Capabilities], Steps[T]]

# Asked of each connection; a server answers with nothing in the place of a command that it lacks.
PROBE: Batch = [("COMMAND", "INFO", "HPEXPIREAT", "HSETEX")]

# Servers refuse deadlines past 2^46 ms (the year 4199); the envelope alone ends such a value.
_LAST_DEADLINE = 2**46


def capabilities(replies: Replies) -> Capabilities:
    """Read the reply to `PROBE`; a server that will not tell is served in the form all have."""
    if not isinstance(replies[0], list):
        return Capabilities(field_expiry=False, hsetex=False)
    known = [bool(command) for command in replies[0]]
    return Capabilities(field_expiry=known[0], hsetex=all(known))


def get(place: Place, key: str, incarnation: int = envelope.UNKNOWN) -> Operation[str | None]:
    """Read one live value."""

    def steps(_: Capabilities) -> Steps[str | None]:
        (raw,) = yield [("HGET", place.page, place.field(key))]
        return _live_text(place, key, raw, envelope.now(), incarnation)

    return steps


def get_many(
    place: Place, keys: Iterable[str], incarnation: int = envelope.UNKNOWN
) -> Operation[dict[str, str]]:
    """Read the live ones of some values."""
    wanted = list(dict.fromkeys(keys))

    def steps(_: Capabilities) -> Steps[dict[str, str]]:
        if not wanted:
            return {}
        (raws,) = yield [("HMGET", place.page, *(place.field(key) for key in wanted))]
        now = envelope.now()
        texts = (
            (key, _live_text(place, key, raw, now, incarnation))
            for key, raw in zip(wanted, raws, strict=True)
        )
        return {key: text for key, text in texts if text is not None}

    return steps


def write(
    place: Place,
    values: Mapping[str, bytes],
    expires_at: int,
    incarnation: int = envelope.UNKNOWN,
) -> Operation[None]:
    """Write values that share a deadline, all or none, with their native expiry."""

    def steps(server: Capabilities) -> Steps[None]:
        if not values:
            return
        now = envelope.now()
        pairs: list[Argument] = []
        for key, value in values.items():
            sealed = envelope.seal(
                value, updated_at=now, expires_at=expires_at, incarnation=incarnation
            )
            pairs += (place.field(key), sealed)
        deadline = native_deadline(expires_at)
        if not server.field_expiry:
            yield [ScriptCall(scripts.HASH_SET, (place.page,), (deadline, *pairs))]
            return
        in_full = ScriptCall(scripts.FIELD_SET, (place.page,), (deadline, *pairs))
        if deadline and not server.hsetex:
            yield [in_full]
        elif deadline:
            options = (place.page, "PXAT", deadline, "FIELDS", len(values))
            yield from _unless_adopted([place.page], [("HSETEX", *options, *pairs)], in_full)
        else:
            yield from _unless_adopted([place.page], [("HSET", place.page, *pairs)], in_full)

    return steps


def delete(places: Sequence[Place], key: str) -> Operation[None]:
    """Remove one value, wherever it may lie."""

    def steps(server: Capabilities) -> Steps[None]:
        pages, field = [place.page for place in places], places[0].field(key)
        if server.field_expiry:
            in_full = ScriptCall(scripts.FIELD_DELETE, tuple(pages), (field,))
            yield from _unless_adopted(pages, [("HDEL", page, field) for page in pages], in_full)
        else:
            yield [ScriptCall(scripts.HASH_DELETE, tuple(pages), (field,))]

    return steps


def clear(places: Sequence[Place]) -> Operation[None]:
    """Remove all values of one scope, wherever they may lie; other map indices there stay."""

    def steps(server: Capabilities) -> Steps[None]:
        pages, prefix = tuple(place.page for place in places), places[0].prefix
        if not prefix:
            yield [("UNLINK", *pages)]
        else:
            script = scripts.FIELD_CLEAR if server.field_expiry else scripts.HASH_CLEAR
            yield [ScriptCall(script, pages, (prefix,))]

    return steps


def clear_pages(pages: list[str]) -> Operation[None]:
    """Remove whole pages, in one command and so in one atomic step."""

    def steps(_: Capabilities) -> Steps[None]:
        yield [("UNLINK", *pages)]

    return steps


def entries(place: Place, incarnation: int = envelope.UNKNOWN) -> Operation[dict[str, Entry]]:
    """Read every live value of one scope with its times."""

    def steps(_: Capabilities) -> Steps[dict[str, Entry]]:
        if place.prefix:
            (flat,) = yield [ScriptCall(scripts.ENTRIES, (place.page,), (place.prefix,))]
        else:
            (flat,) = yield [("HGETALL", place.page)]
        now = envelope.now()
        found = {}
        for field, raw in zip(flat[::2], flat[1::2], strict=True):
            key = place.key(field)
            if key is not None:
                sealed = envelope.unseal(raw, place.page, key)
                if sealed.is_live(now, incarnation):
                    found[key] = _entry(sealed)
        return dict(sorted(found.items()))

    return steps


def _unless_adopted(pages: list[str], commands: Batch, in_full: ScriptCall) -> Steps[None]:
    # A page that the hash form wrote, before a server upgrade, has a summary: only the script
    # gives its other values their own deadlines, and takes the page's own away.
    replies = yield [*commands, *(("HEXISTS", page, SUMMARY) for page in pages)]
    if any(replies[len(commands) :]):
        yield [in_full]


def native_deadline(expires_at: int) -> int:
    """Return a deadline in the server's milliseconds; 0 for never, and for what it refuses."""
    deadline = -(-expires_at // 1000)
    return deadline if deadline < _LAST_DEADLINE else envelope.NEVER


def _live_text(place: Place, key: str, raw: bytes | None, now: int, incarnation: int) -> str | None:
    if raw is None:
        return None
    sealed = envelope.unseal(raw, place.page, key)
    return sealed.text if sealed.is_live(now, incarnation) else None


def _entry(sealed: envelope.Envelope) -> Entry:
    never = sealed.expires_at == envelope.NEVER
    return Entry(
        sealed.text,
        envelope.to_datetime(sealed.updated_at),
        None if never else envelope.to_datetime(sealed.expires_at),
    )
