"""What the callers of a lane have brought, and what waits of it to be sent."""

from __future__ import annotations

import contextlib
import threading
from collections import deque

from redis_state.client.attempts import AttemptError, BrokenError
from redis_state.operations import Replies


class Call:
    """What one caller brought, and what became of it.

    Who acquires ``claim`` decides: the call itself, that it gives up; a leader, that it leads next.
    """

    __slots__ = (
        "arrived",
        "claim",
        "count",
        "deadline",
        "failure",
        "is_taken_up",
        "leads",
        "payload",
        "replies",
        "wake",
    )

    def __init__(self, payload: bytes, count: int, deadline: float) -> None:
        self.payload = payload
        self.count = count
        self.deadline = deadline
        self.arrived: Replies = []
        self.replies: Replies | None = None
        self.failure: AttemptError | None = None
        self.is_taken_up = False
        self.leads = False
        self.claim = threading.Lock()
        self.wake = threading.Lock()
        self.wake.acquire()

    def outcome(self) -> Replies:
        """Return the replies, or raise what it came to."""
        if self.replies is None:
            # An error of its own for each caller, who adds a traceback to it.
            failure = self.failure or BrokenError("the connection was closed")
            raise type(failure)(str(failure)) from failure
        return self.replies


class Queue:
    """The calls that were not sent yet; each is taken out once, by whoever comes first."""

    def __init__(self) -> None:
        self._calls: deque[Call] = deque()

    def __bool__(self) -> bool:
        return bool(self._calls)

    def add(self, call: Call) -> None:
        """Let a call wait."""
        self._calls.append(call)

    def take(self) -> Call | None:
        """Take out the call that has waited longest."""
        try:
            return self._calls.popleft() if self._calls else None
        except IndexError:
            # The last one has just left.
            return None

    def withdraw(self, call: Call) -> bool:
        """Take out this one; tell whether it was there still."""
        try:
            self._calls.remove(call)
        except ValueError:
            return False
        return True


def fail(calls: deque[Call], failure: BrokenError, own: Call) -> None:
    """Tell calls that were sent that the connection broke; ``own`` is the leader's."""
    while calls:
        call = calls.popleft()
        if call.replies is None:
            call.failure = failure
        # One may be awake already: the interruption came just after.
        if call is not own:
            with contextlib.suppress(RuntimeError):
                call.wake.release()
