"""The Lua scripts: each is its own file behind the preludes that it builds on."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from importlib import resources


@dataclass(frozen=True)
class Script:
    """A script as Redis knows it: by its text, and by the SHA-1 of that."""

    text: str = field(repr=False)
    sha: str


def _load(*names: str) -> Script:
    folder = resources.files("redis_state.operations") / "lua"
    text = "\n".join((folder / f"{name}.lua").read_text(encoding="utf-8") for name in names)
    return Script(text, hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest())


_ASSET = ("references", "asset")

HASH_SET = _load("page", "hash_form", "hash_write", "discard", "set")
HASH_DELETE = _load("page", "hash_form", "delete")
HASH_CLEAR = _load("page", "hash_form", "clear")
HASH_REFER = _load("page", "hash_form", "hash_write", "discard", "refer")
HASH_ASSET_SET = _load("page", "hash_form", "hash_write", "discard", *_ASSET, "asset_set")
HASH_ASSET_DELETE = _load("page", "hash_form", "take_out", *_ASSET, "asset_delete")
HASH_ASSET_WITHDRAW = _load("page", "hash_form", "take_out", *_ASSET, "asset_withdraw")
HASH_BIND = _load("page", "hash_form", "hash_write", "bound", "bind")
HASH_UNBIND = _load("page", "hash_form", "take_out", "bound", "unbind")
HASH_RELEASE = _load("page", "hash_form", "take_out", "bound", "release")
FIELD_SET = _load("page", "field_form", "field_write", "discard", "set")
FIELD_DELETE = _load("page", "field_form", "delete")
FIELD_CLEAR = _load("page", "field_form", "clear")
FIELD_REFER = _load("page", "field_form", "field_write", "discard", "refer")
FIELD_ASSET_SET = _load("page", "field_form", "field_write", "discard", *_ASSET, "asset_set")
FIELD_ASSET_DELETE = _load("page", "field_form", "take_out", *_ASSET, "asset_delete")
FIELD_ASSET_WITHDRAW = _load("page", "field_form", "take_out", *_ASSET, "asset_withdraw")
FIELD_BIND = _load("page", "field_form", "field_write", "bound", "bind")
FIELD_UNBIND = _load("page", "field_form", "take_out", "bound", "unbind")
FIELD_RELEASE = _load("page", "field_form", "take_out", "bound", "release")
ASSET_CLEAR = _load("page", *_ASSET, "asset_clear")
ENTRIES = _load("page", "entries")
SURVEY = _load("page", "references", "survey")
HASH_RESEAL = _load("page", "hash_form", "reseal", "reseal_hash")
FIELD_RESEAL = _load("page", "field_form", "reseal", "reseal_field")
