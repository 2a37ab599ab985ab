"""Whether Redis keys in the namespace are of another type, so that calls that need them fail."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from hiredis import ReplyError

from redis_state.admin.health import permissions
from redis_state.admin.health.probes import Answers
from redis_state.admin.health.replies import code_of, plain
from redis_state.admin.health.report import Finding
from redis_state.admin.steps import Ask, Steps
from redis_state.format.pages import read_page
from redis_state.operations.operation import Batch, Capabilities, Operation, Replies
from redis_state.operations.reencrypt import matching

# A sample: a server may have many millions of keys. A look takes the server about a millisecond.
_LOOKS, _KEYS_TO_A_LOOK = 10, 1000
_ANOTHER_NODES = ("MOVED", "ASK")


def look(of: Answers) -> Steps[list[Finding]]:
    """Look at some keys of a master."""
    cursor = b"0"
    for _ in range(_LOOKS):
        scanned, probed = yield Ask(_Scan(of, cursor), of.server)
        told = {"SCAN": scanned, "TYPE": probed}
        refused = list(_refused(told))
        if refused:
            return [_untold(of, told, refused)]
        cursor, pages = _read(of, scanned)
        if pages:
            types = yield Ask(_Types(pages), of.server)
            for page, kind in zip(pages, map(plain, types), strict=False):
                # A key that went meanwhile, or to another node, has none.
                if kind not in ("", "none", "hash"):
                    return [_other(of, plain(page), kind)]
        if cursor == b"0":
            break
    return []


def _read(of: Answers, scanned: Any) -> tuple[bytes, list[bytes]]:
    """Return the next cursor and our pages; a proxy may answer anything, and that ends the look."""
    match scanned:
        case [bytes(cursor), list(keys)]:
            named = [key for key in keys if isinstance(key, bytes)]
            return cursor, [key for key in named if read_page(of.settings.namespace, key)]
    return b"0", []


def _refused(told: dict[str, Any]) -> Iterator[str]:
    for command, reply in told.items():
        # Keys that are out of reach are told of among the permissions.
        is_known = code_of(reply) in _ANOTHER_NODES or permissions.about_keys(reply)
        if isinstance(reply, ReplyError) and not is_known:
            yield command


def _untold(of: Answers, told: dict[str, Any], refused: list[str]) -> Finding:
    what = "whether the namespace has Redis keys of another type than hash"
    return of.having(told).unknown("types", what, *refused)


def _other(of: Answers, page: str, kind: str) -> Finding:
    return of.finding(
        "types",
        "failure",
        f"{page} is a {kind}, not a hash: it is not redis-state's, and calls that need it fail",
        "Give this Airflow a namespace of its own, or delete that key.",
    )


class _Scan(Operation[Replies]):
    """Take one step through the keys of a server, and ask the type of one that nobody has."""

    __slots__ = ("_cursor", "_of")

    reads_errors = True

    def __init__(self, of: Answers, cursor: bytes) -> None:
        self._of = of
        self._cursor = cursor

    @property
    def page(self) -> str:
        return permissions.nobodys_pages(self._of.settings, worker=False)[0]

    def begin(self, _: Capabilities) -> Batch:
        pattern = matching(self._of.settings.namespace)
        scan = ("SCAN", self._cursor, "MATCH", pattern, "COUNT", _KEYS_TO_A_LOOK)
        return [scan, ("TYPE", self.page)]

    def end(self, replies: Replies) -> Replies:
        return replies


class _Types(Operation[Replies]):
    """Ask a server for the types of some keys."""

    __slots__ = ("_pages",)

    reads_errors = True

    def __init__(self, pages: list[bytes]) -> None:
        self._pages = pages

    @property
    def page(self) -> str:
        return self._pages[0].decode("utf-8", "replace")

    def begin(self, _: Capabilities) -> Batch:
        return [("TYPE", page) for page in self._pages]

    def end(self, replies: Replies) -> Replies:
        return replies
