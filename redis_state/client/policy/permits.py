"""So many at a time, of which no interruption costs one.

A signal's handler may raise in the main thread: after any call of C, when a function of Python
begins, or when a loop goes round; and nowhere else (CPython 3.11 to 3.13). So a permit is moved by
one call of C, from here into a list of the caller's, who gives it back like this, with no other
call on the way:

    held: list[Permit] = []
    try:
        permits.take(held, deadline)
        ...
    finally:
        if held:
            held[0].give_back(held[0])
            permits.wake()

What `threading` has for this is written in Python, and may be left half done.
"""

from __future__ import annotations

from collections.abc import Callable
from queue import Empty, SimpleQueue

_AT_ONCE = (False,)


class Permit:
    """What a call holds while it does what only so many may do."""

    __slots__ = ("give_back",)

    def __init__(self, give_back: Callable[[Permit], None]) -> None:
        self.give_back = give_back


class Permits:
    """Those that nobody holds."""

    __slots__ = ("_count", "_free")

    def __init__(self, count: int) -> None:
        self._count = count
        self._free: SimpleQueue[Permit] = SimpleQueue()
        for _ in range(count):
            self._free.put(Permit(self._free.put))

    @property
    def left(self) -> int:
        """Return how many are not held."""
        return self._free.qsize()

    @property
    def held(self) -> int:
        """Return how many are held."""
        return self._count - self._free.qsize()

    def take_at_once(self, held: list[Permit]) -> bool:
        """Move one into ``held``, if there is one."""
        try:
            held.extend(map(self._free.get, _AT_ONCE))
        except Empty:
            return False
        return True
