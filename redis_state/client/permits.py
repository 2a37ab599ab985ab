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

import contextlib
import threading
import time
from collections import deque
from collections.abc import Callable
from queue import Empty, SimpleQueue

_AT_ONCE = (False,)
# Seconds after which one that waits looks whether one was given back without a word to it, as by
# a call that was interrupted just then.
_LOOKS_AGAIN = 0.1


class Permit:
    """What a call holds while it does what only so many may do."""

    __slots__ = ("give_back",)

    def __init__(self, give_back: Callable[[Permit], None]) -> None:
        self.give_back = give_back


class Permits:
    """Those that nobody holds."""

    __slots__ = ("_count", "_free", "_waiting")

    def __init__(self, count: int) -> None:
        self._count = count
        self._free: SimpleQueue[Permit] = SimpleQueue()
        # What wakes each of those that wait.
        self._waiting: deque[threading.Lock] = deque()
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

    def take(self, held: list[Permit], deadline: float) -> bool:
        """Move one into ``held``, or wait until the deadline for one.

        Python 3.11's queue itself waits for ever, where another is faster just at the deadline.
        """
        return self.take_at_once(held) or self._wait(held, deadline)

    def wake(self) -> None:
        """Tell the one that has waited longest that there is one."""
        if self._waiting:
            with contextlib.suppress(IndexError):
                self._waiting.popleft().release()

    def _wait(self, held: list[Permit], deadline: float) -> bool:
        wake = threading.Lock()
        wake.acquire()
        self._waiting.append(wake)
        try:
            while not self.take_at_once(held):
                left = deadline - time.monotonic()
                if left <= 0:
                    return False
                if wake.acquire(timeout=min(left, _LOOKS_AGAIN)):
                    # Another may have been faster, and this one stays the first.
                    self._waiting.appendleft(wake)
        finally:
            try:
                self._waiting.remove(wake)
            except ValueError:
                # It was told just now, and does not need to be.
                if self._free.qsize():
                    self.wake()
        return True
