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
    folder = resources.files("redis_state") / "lua"
    text = "\n".join((folder / f"{name}.lua").read_text(encoding="utf-8") for name in names)
    return Script(text, hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest())


HASH_SET = _load("page", "hash_form", "hash_write", "discard", "set")
HASH_DELETE = _load("page", "hash_form", "delete")
HASH_CLEAR = _load("page", "hash_form", "clear")
HASH_REFER = _load("page", "hash_form", "hash_write", "discard", "refer")
HASH_REPLACE = _load("page", "hash_form", "hash_write", "discard", "references", "replace")
HASH_FORGET = _load("page", "hash_form", "references", "forget")
FIELD_SET = _load("page", "field_form", "field_write", "discard", "set")
FIELD_DELETE = _load("page", "field_form", "delete")
FIELD_CLEAR = _load("page", "field_form", "clear")
FIELD_REFER = _load("page", "field_form", "field_write", "discard", "refer")
FIELD_REPLACE = _load("page", "field_form", "field_write", "discard", "references", "replace")
FIELD_FORGET = _load("page", "field_form", "references", "forget")
ENTRIES = _load("page", "entries")
SURVEY = _load("page", "references", "survey")
HASH_RESEAL = _load("page", "hash_form", "reseal", "reseal_hash")
FIELD_RESEAL = _load("page", "field_form", "reseal", "reseal_field")
