"""The fast lane of threads: one connection, on which calls made at the same time travel together.

Each call brings its packed commands. One of the callers has the *lead*: it sends what all have
brought in one write, reads the replies and hands them out, and then passes the lead on to the call
that has waited longest. So nobody works for the others for longer than one round trip, no thread of
ours exists, and a lone caller meets nothing but its own socket.

Every call that is sent is answered by its deadline, with its replies or with what broke the lane.
A lane that broke stays so: the client opens another one.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections import deque

from redis_state.client.attempts import BrokenError, CrowdedError, SilenceError
from redis_state.client.sync_link import Link, close_link
from redis_state.operations import Capabilities, Replies

# More than this takes a connection of its own: others would have to wait for it.
_LARGEST = 65_536
_MOST_TOGETHER = 64
# Seconds beyond its deadline in which a call that was taken up must have been answered.
_GRACE = 1.0


class _Call:
    """What one caller brought, and what became of it."""

    __slots__ = ("count", "deadline", "failure", "leads", "payload", "replies", "wake")

    def __init__(self, payload: bytes, count: int, deadline: float) -> None:
        self.payload = payload
        self.count = count
        self.deadline = deadline
        self.replies: Replies | None = None
        self.failure: BrokenError | None = None
        self.leads = False
        self.wake = threading.Lock()
        self.wake.acquire()

    def outcome(self) -> Replies:
        if self.replies is None:
            # An error of its own for each caller, who adds a traceback to it.
            failure = self.failure or BrokenError("the connection was closed")
            raise type(failure)(str(failure)) from failure
        return self.replies


class SyncLane:
    """Exchanges commands for any number of threads over one link."""

    def __init__(self, link: Link, capabilities: Capabilities) -> None:
        self.capabilities: Capabilities | None = capabilities
        self.server = link.server
        self.identity = link.identity
        self.logged_in_at = link.logged_in_at
        self._link = link
        self._lead = threading.Lock()
        self._queue: deque[_Call] = deque()
        self._retired = False
        self._failure: BrokenError | None = None

    def exchange(self, payload: bytes, count: int, deadline: float) -> Replies:
        """Send packed commands and return their replies, or break off at the deadline."""
        if len(payload) > _LARGEST:
            raise CrowdedError
        if not self._lead.acquire(blocking=False):
            call = _Call(payload, count, deadline)
            if self._wait(call):
                self._lead_with(call)
            return call.outcome()
        if self._queue:
            call = _Call(payload, count, deadline)
            self._lead_with(call)
            return call.outcome()
        try:
            return self._link.exchange(payload, count, deadline)
        except BaseException as error:
            # Its reply may be under way still: nobody may use the connection again.
            broken = self._break(error)
            if isinstance(error, BrokenError):
                raise broken from error
            raise
        finally:
            self._pass_on()

    def retire(self) -> None:
        """Close the connection, as soon as nobody uses it."""
        self._retired = True
        if self._lead.acquire(blocking=False):
            self._pass_on()

    def abandon(self) -> None:
        """Leave the connection to the parent of a fork."""
        self._link.abandon()

    def _wait(self, call: _Call) -> bool:
        """Wait until the call is answered, or has the lead."""
        self._queue.append(call)
        if self._lead.acquire(blocking=False):
            # It was laid down just before the call stood in the queue.
            self._pass_on()
        try:
            answered = call.wake.acquire(timeout=max(0.0, call.deadline - time.monotonic()))
        except BaseException:
            if self._leave(call):
                self._pass_on()
            raise
        return call.leads if answered else self._leave(call)

    def _leave(self, call: _Call) -> bool:
        """Give up a call that was not answered in time; tell whether it has the lead."""
        try:
            self._queue.remove(call)
        except ValueError:
            # Another caller has taken it up, and answers it by its deadline.
            # An interruption may have come just after the caller was woken.
            woken = call.leads or call.replies is not None or call.failure is not None
            if woken or call.wake.acquire(timeout=_GRACE):
                return call.leads
        call.failure = SilenceError("no answer in time")
        return False

    def _pass_on(self) -> None:
        """Give the lead to the call that has waited longest, or lay it down."""
        while True:
            heir = self._next()
            if heir is not None:
                heir.leads = True
                heir.wake.release()
                return
            retired = self._retired
            if retired:
                close_link(self._link)
            self._lead.release()
            # What came just now, a call or the end, found the lead taken.
            if not self._queue and retired == self._retired:
                return
            if not self._lead.acquire(blocking=False):
                return

    def _lead_with(self, own: _Call) -> None:
        try:
            if own.deadline > time.monotonic():
                self._serve(own)
            else:
                # Its time is over, and shall not be that of those behind it.
                own.failure = SilenceError("no answer in time")
        finally:
            self._pass_on()

    def _serve(self, own: _Call) -> None:
        """Send what is waiting, and hand out the replies."""
        together = [own]
        served = 0
        try:
            payload = self._gather(together)
            deadline = min([call.deadline for call in together])
            self._link.send(payload, deadline)
            for call in together:
                call.replies = self._link.receive(call.count, deadline)
                if call is not own:
                    call.wake.release()
                served += 1
        except BaseException as error:
            # Replies may be under way still: nobody may use the connection again.
            broken = self._break(error)
            for call in together[served:]:
                call.failure = broken
                # One may be awake already: the interruption came just after.
                if call is not own:
                    with contextlib.suppress(RuntimeError):
                        call.wake.release()
            if not isinstance(error, BrokenError):
                raise

    def _gather(self, together: list[_Call]) -> bytes:
        """Add the calls that wait, and return all their commands."""
        if not self._queue:
            return together[0].payload
        payloads, size, now = [together[0].payload], 0, time.monotonic()
        while size < _LARGEST and len(together) < _MOST_TOGETHER and (call := self._next()):
            if call.deadline <= now:
                # It is about to leave: nobody else's deadline shall suffer from it.
                call.failure = SilenceError("no answer in time")
                call.wake.release()
                continue
            together.append(call)
            payloads.append(call.payload)
            size += len(call.payload)
        return b"".join(payloads)

    def _break(self, error: BaseException) -> BrokenError:
        """Close the connection, and return what broke it first: that it is closed says nothing."""
        close_link(self._link)
        if self._failure is None:
            interrupted = BrokenError("it was interrupted")
            self._failure = error if isinstance(error, BrokenError) else interrupted
        return type(self._failure)(str(self._failure))

    def _next(self) -> _Call | None:
        try:
            return self._queue.popleft() if self._queue else None
        except IndexError:
            # The last one has just left.
            return None
