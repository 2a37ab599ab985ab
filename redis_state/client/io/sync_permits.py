"""Permits that threads wait for, the longest first; see `redis_state.client.policy.permits`.

What `threading` has for this is written in Python, and may be left half done by an interruption.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections import deque
from typing import TypeAlias

from redis_state.client.policy.permits import Permit, Permits

# Seconds after which one that waits looks whether one was given back without a word to it, as by
# a call that was interrupted just then.
_LOOKS_AGAIN = 0.1
# Seconds for which one that waits may be overtaken: to hand everything over in turn would cost a
# switch of threads each time, and never to do so would let a crowd keep one out for its budget.
_OVERTAKEN = 0.1

# What wakes it, and since when it waits.
_Waiter: TypeAlias = tuple[threading.Lock, float]


class SyncPermits(Permits):
    """Those that nobody holds; a thread may wait for one."""

    __slots__ = ("_waiting",)

    def __init__(self, count: int) -> None:
        super().__init__(count)
        self._waiting: deque[_Waiter] = deque()

    def wait(self, deadline: float) -> None:
        """Wait until the deadline for there to be one."""
        held: list[Permit] = []
        try:
            self.take(held, deadline)
        finally:
            if held:
                held[0].give_back(held[0])
                self.wake()

    def take(self, held: list[Permit], deadline: float) -> bool:
        """Move one into ``held``, or wait until the deadline for one.

        Python 3.11's queue itself waits for ever, where another is faster just at the deadline.
        """
        return (not self._would_overtake() and self.take_at_once(held)) or self._queue(
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

    def _queue(self, held: list[Permit], deadline: float) -> bool:
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
