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
from itertools import islice

from redis_state.client.attempts import BrokenError, CrowdedError, SilenceError
from redis_state.client.sync_link import Link, close_link
from redis_state.operations import Capabilities, Replies

# More than this takes a connection of its own: others would have to wait for it.
_LARGEST = 65_536
_MOST_TOGETHER = 64
# Seconds beyond its deadline in which a call that was taken up must have been answered.
_GRACE = 1.0
# Seconds after which one that waits looks whether the lead was laid down without a word to it, as
# by one that was interrupted in the midst of that.
_LOOKS_AGAIN = 0.1
_LEAD = "lead"


class _Call:
    """What one caller brought, and what became of it."""

    __slots__ = ("count", "deadline", "failure", "is_over", "payload", "replies", "waits", "wake")

    wake: threading.Lock  # if it waits, or has waited

    def __init__(self, payload: bytes, count: int, deadline: float) -> None:
        self.payload = payload
        self.count = count
        self.deadline = deadline
        self.replies: Replies | None = None
        self.failure: BrokenError | None = None
        # Its caller has left.
        self.is_over = False
        self.waits = False

    def fail(self, failure: BrokenError) -> None:
        self.failure = failure
        if self.waits:
            # It may be awake already: the interruption came just after.
            with contextlib.suppress(RuntimeError):
                self.wake.release()

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
        # Whatever it was, the reply of the interrupted call may be under way still.
        self.was_interrupted = False
        self._link = link
        # Who has the lead: nobody, or one. Who takes it can be asked afterwards.
        self._lead: dict[str, _Call] = {}
        self._queue: deque[_Call] = deque()
        self._retired = False
        self._broken = False
        self._failure: BrokenError | None = None

    def exchange(self, payload: bytes, count: int, deadline: float) -> Replies:
        """Send packed commands and return their replies, or break off at the deadline."""
        if len(payload) > _LARGEST:
            raise CrowdedError
        call = _Call(payload, count, deadline)
        try:
            if self._lead.setdefault(_LEAD, call) is call or self._wait(call):
                return self._lead_with(call)
            return call.outcome()
        finally:
            # The lead is passed on, or laid down, without any call on the way to the last one:
            # an interruption comes before all of it or after, see `permits`.
            call.is_over = True
            if _LEAD in self._lead and self._lead[_LEAD] is call:
                if self._queue and not self._queue[0].is_over:
                    heir = self._lead[_LEAD] = self._queue[0]
                    heir.wake.release()
                else:
                    del self._lead[_LEAD]
            elif call.replies is None and call.failure is None:
                self._leave(call)
            if self._retired:
                self._close_unused()

    def retire(self) -> None:
        """Close the connection, as soon as nobody uses it."""
        self._retired = True
        self._close_unused()

    def _close_unused(self) -> None:
        closing = _Call(b"", 0, 0.0)
        try:
            if self._lead.setdefault(_LEAD, closing) is closing:
                close_link(self._link)
        finally:
            if _LEAD in self._lead and self._lead[_LEAD] is closing:
                del self._lead[_LEAD]

    def abandon(self) -> None:
        """Leave the connection to the parent of a fork."""
        self._link.abandon()

    def _wait(self, call: _Call) -> bool:
        """Wait until the call is answered, or has the lead; tell whether it is to lead."""
        wake = call.wake = threading.Lock()
        wake.acquire()
        call.waits, ends = True, call.deadline
        self._queue.append(call)
        # The lead may have been laid down just before the call stood in the queue.
        while self._lead.setdefault(_LEAD, call) is not call:
            remaining = ends - time.monotonic()
            if wake.acquire(timeout=max(0.0, min(remaining, _LOOKS_AGAIN))):
                break
            if remaining > 0:
                continue
            if self._leave(call) or ends > call.deadline:
                call.failure = SilenceError("no answer in time")
                return False
            # Another caller has taken it up, and answers it by its deadline.
            ends += _GRACE
        return call.replies is None and call.failure is None

    def _leave(self, call: _Call) -> bool:
        """Take a call out of the queue; tell whether it stood there."""
        try:
            self._queue.remove(call)
        except ValueError:
            return False
        return True

    def _lead_with(self, own: _Call) -> Replies:
        if own.waits:
            self._leave(own)
            if own.deadline <= time.monotonic():
                # Its time is over, and shall not be that of those behind it.
                raise SilenceError("no answer in time")
        if self._broken:
            raise self._break(None)
        if self._queue:
            self._serve(own)
            return own.outcome()
        try:
            return self._link.exchange(own.payload, own.count, own.deadline)
        except BaseException as error:
            # Its reply may be under way still: nobody may use the connection again.
            self._broken = self.was_interrupted = True
            broken = self._break(error)
            if isinstance(error, BrokenError):
                raise broken from error
            raise

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
            self._broken = self.was_interrupted = True
            broken = self._break(error)
            for call in together[served:]:
                call.fail(broken)
            if not isinstance(error, BrokenError):
                raise

    def _gather(self, together: list[_Call]) -> bytes:
        """Add the calls that wait, and return all their commands."""
        if not self._queue:
            return together[0].payload
        payloads, size, now = [together[0].payload], 0, time.monotonic()
        while size < _LARGEST and len(together) < _MOST_TOGETHER and self._take_up(together):
            call = together[-1]
            if call.is_over or call.deadline <= now:
                # It is about to leave: nobody else's deadline shall suffer from it.
                call.fail(SilenceError("no answer in time"))
                together.pop()
                continue
            payloads.append(call.payload)
            size += len(call.payload)
        return b"".join(payloads)

    def _break(self, error: BaseException | None) -> BrokenError:
        """Close the connection, and return what broke it first: that it is closed says nothing."""
        close_link(self._link)
        if self._failure is None:
            self.was_interrupted = not isinstance(error, BrokenError)
            interrupted = BrokenError("it was interrupted")
            self._failure = error if isinstance(error, BrokenError) else interrupted
        return type(self._failure)(str(self._failure))

    def _take_up(self, together: list[_Call]) -> bool:
        """Take the call that has waited longest out of the queue, if there is one."""
        try:
            # By one call of C: an interruption finds it here or there.
            together.extend(islice(iter(self._queue.popleft, None), 1))
        except IndexError:
            return False
        return True
