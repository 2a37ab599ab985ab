"""Replies as they come, which may be anything: a proxy or a provider has a say in them."""

from __future__ import annotations

from typing import Any

from hiredis import ReplyError

_LONGEST = 200


def plain(reply: object) -> str:
    """Return a reply that is a short text, as a line that can be shown; else an empty one."""
    if isinstance(reply, bytes):
        reply = reply.decode("utf-8", "replace")
    return _shown(reply) if isinstance(reply, str) else ""


def refusal(reply: object) -> str:
    """Return what a server said instead of an answer; empty where it answered."""
    return _shown(str(reply)) if isinstance(reply, ReplyError) else ""


def code_of(reply: object) -> str:
    """Return the first word of an error, such as LOADING; empty for what is none."""
    return str(reply).split(" ", 1)[0] if isinstance(reply, ReplyError) else ""


def properties(reply: object) -> dict[str, str]:
    """Read lines of ``name:value``, as INFO and CLUSTER INFO give them."""
    if not isinstance(reply, bytes):
        return {}
    lines = reply.decode("utf-8", "replace").splitlines()
    split = (line.partition(":") for line in lines if not line.startswith("#"))
    return {name: _shown(value) for name, colon, value in split if colon}


def pairs(reply: object) -> dict[str, str]:
    """Read name, value, name, value, ..."""
    if not isinstance(reply, list):
        return {}
    texts = [plain(part) for part in reply]
    return dict(zip(texts[::2], texts[1::2], strict=False))


def whole(reply: Any) -> int | None:
    """Return a reply that is a whole number, or the text of one."""
    if isinstance(reply, int):
        return reply
    text = plain(reply)
    return int(text) if text.isascii() and text.isdecimal() else None


def _shown(text: str) -> str:
    line = "".join(letter if letter.isprintable() else " " for letter in text[:_LONGEST])
    return line.strip()
