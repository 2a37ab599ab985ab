"""A request as the table has it: bytes with marks, and whether the lane is to answer it."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

# What stands for the lane's answer in the table; any other word is why the lane lets it pass.
ANSWERED = "answered"
# Not for the lane at all: another path, or bytes that reach no app.
ELSEWHERE = "elsewhere"

# The first that has the routes.
API_VERSION = "2026-06-30"
_MARK = re.compile(rb"<([a-z0-9 ]+)>")


@dataclass(frozen=True)
class Asked:
    """Some requests on one connection, with marks for what is only known at run time."""

    name: str
    # What becomes of each of them in the lane.
    lane: tuple[str, ...]
    # Pieces that are sent one by one.
    sent: tuple[bytes, ...]
    # Of the answers to wait for.
    methods: tuple[str, ...]

    def filled(self, marks: Callable[[str], bytes]) -> tuple[bytes, ...]:
        def fill(found: re.Match[bytes]) -> bytes:
            return marks(found.group(1).decode())

        return tuple(_MARK.sub(fill, piece) for piece in self.sent)


def ask(  # noqa: PLR0913 - each is a part of a request, and most are left out
    name: str,
    lane: str,
    method: str = "GET",
    target: str | bytes = "key",
    *,
    value: Any = None,
    body: bytes | None = None,
    headers: Sequence[tuple[str, str | bytes]] = (),
    content_type: str | None = "application/json",
    authorization: str | None = "Bearer <good>",
    version: str | None = API_VERSION,
) -> Asked:
    """Describe one request; without a slash in front, the target is a key of the main task."""
    if value is not None:
        body = json.dumps({"value": value}).encode()
    head: list[tuple[str, str | bytes]] = []
    if version is not None:
        head.append(("Airflow-API-Version", version))
    if authorization is not None:
        head.append(("Authorization", authorization))
    if body is not None and content_type is not None:
        head.append(("Content-Type", content_type))
    if body is not None:
        head.append(("Content-Length", str(len(body))))
    sent = message(method, target, [*head, *headers]) + (body or b"")
    return Asked(name, (lane,), (sent,), (method,))


def message(
    method: str, target: str | bytes, headers: Sequence[tuple[str, str | bytes]] = ()
) -> bytes:
    """Return the head of a request."""
    lines = [
        b"%s %s HTTP/1.1" % (method.encode(), path_of(target)),
        b"Host: airflow",
        *(b"%s: %s" % (name.encode(), _bytes(value)) for name, value in headers),
    ]
    return b"\r\n".join([*lines, b"", b""])


def path_of(target: str | bytes) -> bytes:
    target = _bytes(target)
    return (
        target
        if target.startswith((b"/", b"*", b"http"))
        else b"/execution/store/ti/<ti>/" + target
    )


def _bytes(text: str | bytes) -> bytes:
    return text if isinstance(text, bytes) else text.encode()


def put(name: str, lane: str, target: str | bytes = "key", **more: Any) -> Asked:
    return ask(name, lane, "PUT", target, **({"value": 1} | more if "body" not in more else more))
