"""One line on stderr that says which step is under way and how far it is."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Sequence
from typing import TypeVar

T = TypeVar("T")

_BAR_WIDTH = 24
_REDRAWN_AFTER = 0.1


def track(label: str, items: Sequence[T]) -> Iterator[T]:
    """Yield the items; draw a bar meanwhile on a terminal, and a line when all are done."""
    started = drawn = time.monotonic()
    is_terminal = sys.stderr.isatty()
    for done, item in enumerate(items):
        if is_terminal and time.monotonic() - drawn >= _REDRAWN_AFTER:
            drawn = time.monotonic()
            _draw(label, done / len(items))
        yield item
    if is_terminal:
        sys.stderr.write("\r\033[K")
    sys.stderr.write(f"{label}: done in {time.monotonic() - started:.1f} s\n")
    sys.stderr.flush()


def _draw(label: str, part: float) -> None:
    filled = round(part * _BAR_WIDTH)
    bar = "#" * filled + "." * (_BAR_WIDTH - filled)
    sys.stderr.write(f"\r\033[K[{bar}] {part:4.0%} {label}")
    sys.stderr.flush()
