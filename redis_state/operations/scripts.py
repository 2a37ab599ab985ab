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


def _load(*names: str) -> Script:
    folder = resources.files("redis_state.operations") / "lua"
    text = _PRELUDE + "\n".join(
        (folder / f"{name}.lua").read_text(encoding="utf-8") for name in names
    )
    return Script(text, hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest())


_ASSET = ("references", "asset")

HASH_SET = _load("page", "hash_form", "hash_write", "set")
HASH_DELETE = _load("page", "hash_form", "delete")
HASH_CLEAR = _load("page", "hash_form", "clear")
HASH_REFER = _load("page", "hash_form", "hash_write", "refer")
HASH_ASSET_SET = _load("page", "hash_form", "hash_write", *_ASSET, "asset_set")
HASH_ASSET_DELETE = _load("page", "hash_form", "take_out", *_ASSET, "asset_delete")
HASH_ASSET_WITHDRAW = _load("page", "hash_form", "take_out", *_ASSET, "asset_withdraw")
HASH_BIND = _load("page", "hash_form", "hash_write", "bound", "bind")
HASH_UNBIND = _load("page", "hash_form", "take_out", "bound", "unbind")
HASH_RELEASE = _load("page", "hash_form", "take_out", "bound", "release")
FIELD_SET = _load("page", "field_form", "field_write", "set")
FIELD_DELETE = _load("page", "field_form", "delete")
FIELD_CLEAR = _load("page", "field_form", "clear")
FIELD_REFER = _load("page", "field_form", "field_write", "refer")
FIELD_ASSET_SET = _load("page", "field_form", "field_write", *_ASSET, "asset_set")
FIELD_ASSET_DELETE = _load("page", "field_form", "take_out", *_ASSET, "asset_delete")
FIELD_ASSET_WITHDRAW = _load("page", "field_form", "take_out", *_ASSET, "asset_withdraw")
FIELD_BIND = _load("page", "field_form", "field_write", "bound", "bind")
FIELD_UNBIND = _load("page", "field_form", "take_out", "bound", "unbind")
FIELD_RELEASE = _load("page", "field_form", "take_out", "bound", "release")
ASSET_CLEAR = _load("page", *_ASSET, "asset_clear")
ENTRIES = _load("page", "entries")
SURVEY = _load("page", "references", "survey")
HASH_REENCRYPT = _load("page", "reencrypt_hash")
FIELD_REENCRYPT = _load("page", "reencrypt_field")
