"""The operations that change values.

What they send most is packed here, as a general packer takes longer. For that, ``page`` is an
argument already, see `layout.argument`, and ``pairs`` is field, value, field, value, ...
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from redis_state.errors import ConflictError
from redis_state.format import envelope
from redis_state.format.codec import PLAIN, Codec
from redis_state.format.layout import SUMMARY, Place, argument
from redis_state.operations import scripts
from redis_state.operations.operation import (
    Argument,
    Batch,
    Capabilities,
    Operation,
    Replies,
    Scripted,
)

_ONE_PAIR = 2
_HSET_ONE = b"*4\r\n$4\r\nHSET\r\n%b$%d\r\n%b\r\n$%d\r\n%b\r\n"
_HSETEX_ONE = (
    b"*8\r\n$6\r\nHSETEX\r\n%b$4\r\nPXAT\r\n$%d\r\n%b\r\n"
    b"$6\r\nFIELDS\r\n$1\r\n1\r\n$%d\r\n%b\r\n$%d\r\n%b\r\n"
)
_HSETEX = b"*%d\r\n$6\r\nHSETEX\r\n%b$4\r\nPXAT\r\n$%d\r\n%b\r\n$6\r\nFIELDS\r\n$%d\r\n%b\r\n%b"
# Whether a page has a summary: then the hash form wrote it, before a server upgrade. In the field
# form every write asks, and *adopts* such a page: the script gives its other values their own
# deadlines, and takes the page's own away.
_QUESTION = b"*3\r\n$7\r\nHEXISTS\r\n%b" + argument(SUMMARY)


def gone(key: str) -> ConflictError:
    """Return the error about a document whose worker value is not there."""
    return ConflictError(
        f"The value of {key!r} is not there any more: it was deleted or cleared while it was being "
        "set, or the worker side keeps it on another server, database or namespace. Set it again."
    )


class Write(Operation[None]):
    """Write values that share a deadline, all or none, with their native expiry."""

    __slots__ = ("_codec", "_expires_at", "_incarnation", "_pairs", "_place", "_values")
    _pairs: list[bytes]

    writes = True

    def __init__(
        self,
        place: Place,
        values: Mapping[str, bytes],
        expires_at: int,
        incarnation: int = envelope.UNKNOWN,
        codec: Codec = PLAIN,
    ) -> None:
        self._place = place
        self._values = values
        self._expires_at = expires_at
        self._incarnation = incarnation
        self._codec = codec

    @property
    def page(self) -> str:
        return self._place.page

    def begin(self, server: Capabilities) -> Batch:
        place, expires_at, now = self._place, self._expires_at, envelope.now()
        pairs: list[bytes] = []
        for key, value in self._values.items():
            encoded = self._codec.encode(value, now, expires_at, self._incarnation, place, key)
            pairs += (place.field(key), encoded)
        self._pairs = pairs
        if not pairs:
            return []
        deadline = envelope.native_deadline(expires_at)
        if server.field_expiry and not deadline:
            return [hset(place.argument, pairs), _QUESTION % place.argument]
        if server.hsetex:
            return [hsetex(place.argument, deadline, pairs), _QUESTION % place.argument]
        return self._in_full().begin(server)

    def end(self, replies: Replies) -> Operation[None] | None:
        return self._in_full() if len(replies) > 1 and replies[1] else None

    def _in_full(self) -> Operation[None]:
        arguments: tuple[Argument, ...] = (envelope.native_deadline(self._expires_at), *self._pairs)
        return Scripted(scripts.HASH_SET, scripts.FIELD_SET, (self._place,), arguments)


class Delete(Operation[None]):
    """Remove one value, wherever it may lie."""

    __slots__ = ("_field", "_places")

    def __init__(self, places: Sequence[Place], key: str) -> None:
        self._places = places
        self._field = places[0].field(key)

    @property
    def page(self) -> str:
        return self._places[0].page

    def begin(self, server: Capabilities) -> Batch:
        if not server.field_expiry:
            return self._in_full().begin(server)
        batch: Batch = [hdel(place.argument, self._field) for place in self._places]
        return batch + [_QUESTION % place.argument for place in self._places]

    def end(self, replies: Replies) -> Operation[None] | None:
        return self._in_full() if any(replies[len(self._places) :]) else None

    def _in_full(self) -> Operation[None]:
        return Scripted(scripts.HASH_DELETE, scripts.FIELD_DELETE, self._places, (self._field,))


class Clear(Operation[None]):
    """Remove all values of one scope, wherever they may lie; other map indices there stay."""

    __slots__ = ("_places",)

    def __init__(self, places: Sequence[Place]) -> None:
        self._places = places

    @property
    def page(self) -> str:
        return self._places[0].page

    def begin(self, server: Capabilities) -> Batch:
        prefix = self._places[0].prefix
        if not prefix:
            return [unlink([place.argument for place in self._places])]
        script = Scripted(scripts.HASH_CLEAR, scripts.FIELD_CLEAR, self._places, (prefix,))
        return script.begin(server)

    def end(self, _: Replies) -> None:
        return None


class ClearPages(Operation[None]):
    """Remove whole pages, in one command and so in one atomic step."""

    __slots__ = ("_pages",)

    def __init__(self, pages: list[str]) -> None:
        self._pages = pages

    @property
    def page(self) -> str:
        return self._pages[0]

    def begin(self, _: Capabilities) -> Batch:
        return [("UNLINK", *self._pages)]

    def end(self, _: Replies) -> None:
        return None


def hdel(page: bytes, field: bytes) -> bytes:
    """Remove a field."""
    return b"*3\r\n$4\r\nHDEL\r\n%b$%d\r\n%b\r\n" % (page, len(field), field)


def unlink(pages: list[bytes]) -> bytes:
    """Remove whole pages."""
    return b"*%d\r\n$6\r\nUNLINK\r\n%b" % (len(pages) + 1, b"".join(pages))


def hset(page: bytes, pairs: list[bytes]) -> bytes:
    """Write fields for ever."""
    if len(pairs) == _ONE_PAIR:
        field, value = pairs
        return _HSET_ONE % (page, len(field), field, len(value), value)
    return b"*%d\r\n$4\r\nHSET\r\n%b%b" % (len(pairs) + 2, page, b"".join(map(argument, pairs)))


def hsetex(page: bytes, deadline: int, pairs: list[bytes]) -> bytes:
    """Write fields until a deadline in milliseconds."""
    until = b"%d" % deadline
    if len(pairs) == _ONE_PAIR:
        field, value = pairs
        sizes = (len(until), until, len(field), field, len(value), value)
        return _HSETEX_ONE % (page, *sizes)
    count, joined = b"%d" % (len(pairs) // 2), b"".join(map(argument, pairs))
    return _HSETEX % (len(pairs) + 6, page, len(until), until, len(count), count, joined)
