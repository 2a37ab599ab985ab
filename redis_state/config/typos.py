"""Names that are no option, but nearly one."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches

# A variable may be of another program's, so only what is hardly anything else is told.
SURELY = 0.8


def hint(name: str, names: Iterable[str], *, likeness: float = 0.6) -> str:
    """Return the question whether another name was meant; nothing where none is like it."""
    near = get_close_matches(name, sorted(names), 1, likeness)
    return f"did you mean {near[0]}?" if near else ""
