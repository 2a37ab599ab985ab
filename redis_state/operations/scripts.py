"""The Lua scripts: each is its own file behind the preludes that it builds on.

The numbers of the format come first. They have their only definition in Python.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from importlib import resources

from redis_state.format import envelope
from redis_state.format.layout import SUMMARY


@dataclass(frozen=True)
class Script:
    """A script as Redis knows it: by its text, and by the SHA-1 of that."""

    text: str = field(repr=False)
    sha: str


def _text(data: bytes) -> str:
    return "'" + "".join(f"\\{byte}" for byte in data) + "'"


# Lua counts from 1, and means the last byte where Python means the one behind it.
_CONSTANTS = {
    "FORMAT": envelope.FORMAT >> 4,
    "ENCRYPTED": envelope.ENCRYPTED,
    "HEADER": envelope.SIZE,
    "UPDATED_AT_END": envelope.UPDATED_AT.stop,
    "DEADLINE": envelope.DEADLINE.start + 1,
    "DEADLINE_END": envelope.DEADLINE.stop,
    "INCARNATION": envelope.INCARNATION.start + 1,
    "LAST_DEADLINE": envelope.LAST_NATIVE_DEADLINE,
    "NO_MARK": _text(bytes(envelope.MARK_SIZE)),
    "BOUND": _text(envelope.BOUND),
    "SUMMARY": _text(SUMMARY),
}
_PRELUDE = "".join(f"local {name} = {value}\n" for name, value in _CONSTANTS.items())


def load(*names: str) -> Script:
    """Return the script of some files, the last of which is what it does."""
    folder = resources.files("redis_state.operations") / "lua"
    text = _PRELUDE + "\n".join(
        (folder / f"{name}.lua").read_text(encoding="utf-8") for name in names
    )
    return Script(text, hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest())


_ASSET = ("references", "asset")

HASH_SET = load("page", "hash_form", "hash_write", "set")
HASH_DELETE = load("page", "hash_form", "delete")
HASH_CLEAR = load("page", "hash_form", "clear")
HASH_REFER = load("page", "hash_form", "hash_write", "refer")
HASH_ASSET_SET = load("page", "hash_form", "hash_write", *_ASSET, "asset_set")
HASH_ASSET_DELETE = load("page", "hash_form", "take_out", *_ASSET, "asset_delete")
HASH_ASSET_WITHDRAW = load("page", "hash_form", "take_out", *_ASSET, "asset_withdraw")
HASH_BIND = load("page", "hash_form", "hash_write", "bound", "bind")
HASH_UNBIND = load("page", "hash_form", "take_out", "bound", "unbind")
HASH_RELEASE = load("page", "hash_form", "take_out", "bound", "release")
FIELD_SET = load("page", "field_form", "field_write", "set")
FIELD_DELETE = load("page", "field_form", "delete")
FIELD_CLEAR = load("page", "field_form", "clear")
FIELD_REFER = load("page", "field_form", "field_write", "refer")
FIELD_ASSET_SET = load("page", "field_form", "field_write", *_ASSET, "asset_set")
FIELD_ASSET_DELETE = load("page", "field_form", "take_out", *_ASSET, "asset_delete")
FIELD_ASSET_WITHDRAW = load("page", "field_form", "take_out", *_ASSET, "asset_withdraw")
FIELD_BIND = load("page", "field_form", "field_write", "bound", "bind")
FIELD_UNBIND = load("page", "field_form", "take_out", "bound", "unbind")
FIELD_RELEASE = load("page", "field_form", "take_out", "bound", "release")
ASSET_CLEAR = load("page", *_ASSET, "asset_clear")
ENTRIES = load("page", "entries")
SURVEY = load("page", "references", "survey")
HASH_REENCRYPT = load("page", "reencrypt_hash")
FIELD_REENCRYPT = load("page", "reencrypt_field")
