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
from typing import TypeAlias

_AT_ONCE = (False,)
# Seconds after which one that waits looks whether one was given back without a word to it, as by
# a call that was interrupted just then.
_LOOKS_AGAIN = 0.1
# Seconds for which one that waits may be overtaken: to hand everything over in turn would cost a
# switch of threads each time, and never to do so would let a crowd keep one out for its budget.
_OVERTAKEN = 0.1

# What wakes it, and since when it waits.
_Waiter: TypeAlias = tuple[threading.Lock, float]


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
        self._waiting: deque[_Waiter] = deque()
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
        return (not self._would_overtake() and self.take_at_once(held)) or self._wait(
            held, deadline
        )

    def wake(self) -> None:
        """Tell the one that has waited longest that there is one."""
        if self._waiting:
            with contextlib.suppress(IndexError):
                self._waiting.popleft()[0].release()

    def _would_overtake(self) -> bool:
        """Tell whether one is waiting that has been overtaken for long enough."""
        try:
            return bool(self._waiting) and time.monotonic() - self._waiting[0][1] > _OVERTAKEN
        except IndexError:
            return False

    def _wait(self, held: list[Permit], deadline: float) -> bool:
        wake = threading.Lock()
        wake.acquire()
        waiter = (wake, time.monotonic())
        is_next = not self._would_overtake()
        self._waiting.append(waiter)
        try:
            while not (is_next and self.take_at_once(held)):
                left = deadline - time.monotonic()
                if left <= 0:
                    return False
                if wake.acquire(timeout=min(left, _LOOKS_AGAIN)):
                    # Another may have been faster, and this one stays the first.
                    self._waiting.appendleft(waiter)
                # Or nobody has taken what there is, so nobody is overtaken.
                is_next = True
        finally:
            try:
                self._waiting.remove(waiter)
            except ValueError:
                # It was told just now, and does not need to be.
                if self._free.qsize():
                    self.wake()
        return True
