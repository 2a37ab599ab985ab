"""The operations of a rotation."""

from __future__ import annotations

import re

from redis_state.format.references import MARK
from redis_state.operations import scripts
from redis_state.operations.operation import Batch, Capabilities, Operation, Replies, ScriptCall

# What has a meaning in a pattern of Redis.
_GLOB = re.compile(r"[*?\[\]^\\]")


def matching(namespace: str, prefix: str = "") -> str:
    """Return the pattern of the keys of a namespace that begin with ``prefix``."""
    literal = _GLOB.sub(r"\\\g<0>", f"{namespace}:{prefix}")
    return f"{literal}*"


class CountKeys(Operation[int]):
    """Count the keys of a server, those of others too."""

    __slots__ = ()

    @property
    def page(self) -> str:
        return ""

    def begin(self, _: Capabilities) -> Batch:
        return [("DBSIZE",)]

    def end(self, replies: Replies) -> int:
        return int(replies[0])


class ScanPages(Operation[tuple[bytes, list[bytes]]]):
    """Take one step through the keys of a server: the next cursor, and keys that begin as ours.

    ``prefix`` is what else they begin with.
    """

    __slots__ = ("_cursor", "_namespace", "_prefix")

    COUNT = 1000

    def __init__(self, namespace: str, cursor: bytes, prefix: str = "") -> None:
        self._namespace = namespace
        self._cursor = cursor
        self._prefix = prefix

    @property
    def page(self) -> str:
        return self._namespace

    def begin(self, _: Capabilities) -> Batch:
        pattern = matching(self._namespace, self._prefix)
        return [("SCAN", self._cursor, "MATCH", pattern, "COUNT", self.COUNT, "TYPE", "hash")]

    def end(self, replies: Replies) -> tuple[bytes, list[bytes]]:
        cursor, pages = replies[0]
        return cursor, pages


class Survey(Operation[list[object]]):
    """Take one step through a page: see its script."""

    __slots__ = ("_cursor", "_newest", "_page")

    # Few, since values may be large.
    COUNT = 20

    def __init__(self, page: str, cursor: bytes, newest: bytes) -> None:
        self._page = page
        self._cursor = cursor
        self._newest = newest

    @property
    def page(self) -> str:
        return self._page

    def begin(self, _: Capabilities) -> Batch:
        arguments = (self._cursor, self.COUNT, self._newest, MARK)
        return [ScriptCall(scripts.SURVEY, (self._page,), arguments)]

    def end(self, replies: Replies) -> list[object]:
        answer: list[object] = replies[0]
        return answer


class ReadField(Operation[bytes | None]):
    """Read the bytes of a field, whatever they are."""

    __slots__ = ("_field", "_page")

    def __init__(self, page: str, field: bytes) -> None:
        self._page = page
        self._field = field

    @property
    def page(self) -> str:
        return self._page

    def begin(self, _: Capabilities) -> Batch:
        return [("HGET", self._page, self._field)]

    def end(self, replies: Replies) -> bytes | None:
        raw: bytes | None = replies[0]
        return raw


class Replace(Operation[bool]):
    """Put an envelope in the place of another with the same deadline, if that still stands."""

    __slots__ = ("_arguments", "_page")

    def __init__(self, page: str, field: bytes, old: bytes, new: bytes) -> None:
        self._page = page
        self._arguments = (field, old, new)

    @property
    def page(self) -> str:
        return self._page

    def begin(self, server: Capabilities) -> Batch:
        script = scripts.FIELD_REENCRYPT if server.field_expiry else scripts.HASH_REENCRYPT
        return [ScriptCall(script, (self._page,), self._arguments)]

    def end(self, replies: Replies) -> bool:
        return bool(replies[0])
