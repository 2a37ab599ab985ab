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
    "UPDATED_AT": envelope.UPDATED_AT.start + 1,
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


def _forms(*names: str) -> tuple[Script, Script]:
    """Return a script for the hash form and for the field form; each has a file for ``{}``."""
    hash_form, field_form = (
        load("page", *(name.format(form) for name in ("{}_form", *names)))
        for form in ("hash", "field")
    )
    return hash_form, field_form


_ASSET = ("references", "asset")

HASH_SET, FIELD_SET = _forms("{}_write", "set")
HASH_DELETE, FIELD_DELETE = _forms("delete")
HASH_CLEAR, FIELD_CLEAR = _forms("clear")
HASH_REFER, FIELD_REFER = _forms("{}_write", "refer")
HASH_ASSET_SET, FIELD_ASSET_SET = _forms("{}_write", *_ASSET, "asset_set")
HASH_ASSET_DELETE, FIELD_ASSET_DELETE = _forms("take_out", *_ASSET, "asset_delete")
HASH_ASSET_WITHDRAW, FIELD_ASSET_WITHDRAW = _forms("take_out", *_ASSET, "asset_withdraw")
HASH_BIND, FIELD_BIND = _forms("{}_write", "bound", "bind")
HASH_UNBIND, FIELD_UNBIND = _forms("take_out", "bound", "unbind")
HASH_RELEASE, FIELD_RELEASE = _forms("take_out", "bound", "release")
HASH_COPY, FIELD_COPY = _forms("{}_write", "copy")
HASH_DISCARD, FIELD_DISCARD = _forms("discard")
HASH_SWEEP_TASK, FIELD_SWEEP_TASK = _forms("sweep", "sweep_task")
HASH_SWEEP_ASSET, FIELD_SWEEP_ASSET = _forms("take_out", *_ASSET, "sweep", "sweep_asset")
HASH_SWEEP_WORKER, FIELD_SWEEP_WORKER = _forms("references", "refers", "sweep", "sweep_worker")
HASH_REENCRYPT, FIELD_REENCRYPT = (load("page", f"reencrypt_{form}") for form in ("hash", "field"))
ASSET_CLEAR = load("page", *_ASSET, "asset_clear")
CLAIM = load("claim")
ENTRIES = load("page", "entries")
LIST = load("page", "list")
REFERRING = load("page", "references", "refers", "referring")
WALK = load("page", "walk")
SURVEY = load("page", "references", "survey")
