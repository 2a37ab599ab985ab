"""The operations that bring values from elsewhere, and take away what was brought."""

from __future__ import annotations

from collections.abc import Sequence
from enum import IntEnum
from typing import NamedTuple

from redis_state.format import envelope
from redis_state.operations import scripts
from redis_state.operations.operation import (
    Argument,
    Batch,
    Capabilities,
    Operation,
    Replies,
    ScriptCall,
)


class Copied(IntEnum):
    """What became of a value, as the script tells it."""

    WRITTEN = 0
    # The same bytes were there.
    SAME = 1
    # What was there is newer, and stays.
    NEWER = 2
    # What was there is not ours, and stays.
    FOREIGN = 3
    # Other bytes of the same millisecond were there, and stay: whoever knows better replaces them.
    SAME_TIME = 4


class Copy(NamedTuple):
    """A value to write: into which field, and which envelope it may replace in any case."""

    field: bytes
    envelope: bytes
    replaced: bytes = b""


class CopyValues(Operation[list[Copied]]):
    """Write values of one page with their own times, where none is there or an older one."""

    __slots__ = ("_copies", "_page")

    def __init__(self, page: str, copies: Sequence[Copy]) -> None:
        self._page = page
        self._copies = copies

    @property
    def page(self) -> str:
        return self._page

    def begin(self, server: Capabilities) -> Batch:
        arguments: list[Argument] = []
        for copy in self._copies:
            _, _, _, expires_at, _ = envelope.unpack(copy.envelope)
            deadline = envelope.native_deadline(expires_at)
            arguments += (copy.field, copy.envelope, deadline, copy.replaced)
        script = scripts.FIELD_COPY if server.field_expiry else scripts.HASH_COPY
        return [ScriptCall(script, (self._page,), tuple(arguments))]

    def end(self, replies: Replies) -> list[Copied]:
        return [Copied(number) for number in replies[0]]


class Discard(Operation[int]):
    """Remove values of one page that still have a header, flags aside; return how many."""

    __slots__ = ("_headers", "_page")

    def __init__(self, page: str, headers: Sequence[tuple[bytes, bytes]]) -> None:
        self._page = page
        self._headers = headers

    @property
    def page(self) -> str:
        return self._page

    def begin(self, server: Capabilities) -> Batch:
        arguments: list[Argument] = []
        for field, header in self._headers:
            # Without the first byte, where the flags are.
            arguments += (field, header[envelope.MARK.stop : envelope.SIZE])
        script = scripts.FIELD_DISCARD if server.field_expiry else scripts.HASH_DISCARD
        return [ScriptCall(script, (self._page,), tuple(arguments))]

    def end(self, replies: Replies) -> int:
        return int(replies[0])


class ReadFields(Operation[list[bytes | None]]):
    """Read the bytes of some fields of one page, whatever they are."""

    __slots__ = ("_fields", "_page")

    def __init__(self, page: str, fields: Sequence[bytes]) -> None:
        self._page = page
        self._fields = fields

    @property
    def page(self) -> str:
        return self._page

    def begin(self, _: Capabilities) -> Batch:
        return [("HMGET", self._page, *self._fields)]

    def end(self, replies: Replies) -> list[bytes | None]:
        found: list[bytes | None] = replies[0]
        return found
