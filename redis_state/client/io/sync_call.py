"""What the callers of a lane bring, and what becomes of it."""

from __future__ import annotations

import contextlib
import threading
from collections import deque
from itertools import islice

from redis_state.client.policy.attempts import AttemptError, BrokenError
from redis_state.operations.operation import Replies


class Call:
    """What one caller brought, and what became of it."""

    replies: Replies | None = None
    failure: AttemptError | None = None
    is_taken_up = False
    # Its caller has left.
    is_over = False
    waits = False
    arrived: Replies  # once it is sent
    wake: threading.Lock  # once it waits

    def __init__(self, packed: bytes, count: int, deadline: float) -> None:
        self.packed = packed
        self.count = count
        self.deadline = deadline

    def begin_to_wait(self) -> threading.Lock:
        """Make what wakes its caller up."""
        wake = self.wake = threading.Lock()
        wake.acquire()
        self.waits = True
        return wake

    def fail(self, failure: AttemptError) -> None:
        """Tell its caller what it came to."""
        if self.replies is None:
            self.failure = failure
        if self.waits:
            # It may be awake already: the interruption came just after.
            with contextlib.suppress(RuntimeError):
                self.wake.release()

    def outcome(self) -> Replies:
        """Return the replies, or raise what it came to."""
        if self.replies is None:
            # An error of its own for each caller, who adds a traceback to it.
            failure = self.failure or BrokenError("the connection was closed")
            raise type(failure)(str(failure)) from failure
        return self.replies


def move(queue: deque[Call], to: deque[Call], most: int) -> list[Call]:
    """Move those that have waited longest, as far as there are any, and return them."""
    before = len(to)
    with contextlib.suppress(IndexError):
        # By one call of C: an interruption finds each of them here or there.
        to.extend(islice(iter(queue.popleft, None), most))
    return list(islice(to, before, None))


def withdraw(call: Call, queue: deque[Call]) -> bool:
    """Take a call out of a queue; tell whether it was there still."""
    try:
        queue.remove(call)
    except ValueError:
        return False
    return True
