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


HASH_SET = _load("page", "hash_form", "hash_set")
HASH_DELETE = _load("page", "hash_form", "hash_delete")
HASH_CLEAR = _load("page", "hash_form", "hash_clear")
FIELD_SET = _load("page", "field_form", "field_set")
FIELD_DELETE = _load("page", "field_form", "field_delete")
FIELD_CLEAR = _load("page", "field_form", "field_clear")
ENTRIES = _load("page", "entries")
