"""The fast lane of threads: one connection, on which calls made at the same time travel together.

Each call brings its packed commands. One of the callers has the *lead*: it sends what all have
brought in one write, reads the replies and hands them out, and then passes the lead on to the call
that has waited longest. So nobody works for the others for longer than one round trip, no thread of
ours exists, and a lone caller meets nothing but its own socket.

The lane breaks if the server says nothing for too long, and stays so: the client opens another one.
A slow reply breaks nothing. A leader whose time is over leaves the rest of the reading to another
call that was sent; one that was not sent in time takes a connection of the pool, where there is
room for it.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable

from redis_state.client.attempts import (
    BrokenError,
    CrowdedError,
    LateError,
    SilenceError,
    UnsentError,
)
from redis_state.client.sync_link import Link, close_link
from redis_state.client.sync_queue import Call, Queue, fail
from redis_state.operations import Capabilities, Replies

# More than this takes a connection of its own: others would have to wait for it.
_LARGEST = 65_536
# What leaves together: a crowd at a distant server needs one round trip, or a few.
_MOST_BYTES = 1_048_576
_MOST_TOGETHER = 1_000
# Seconds for which a leader goes on for others, if its round trip took less.
_LEAST_TRIP = 0.005
# Seconds after which a call that is not sent looks again whether there is room elsewhere.
_LOOKS_AGAIN = 0.05


class SyncLane:
    """Exchanges commands for any number of threads over one link.

    ``queues``: for so many seconds a call waits to be sent, while ``has_room`` tells that there is
    another way.
    """

    def __init__(
        self,
        link: Link,
        capabilities: Capabilities,
        queues: float = float("inf"),
        has_room: Callable[[], bool] = lambda: True,
    ) -> None:
        self.capabilities: Capabilities | None = capabilities
        self.server = link.server
        self.identity = link.identity
        self.logged_in_at = link.logged_in_at
        self.failure: BrokenError | None = None
        self._link = link
        self._queues = queues
        self._has_room = has_room
        self._lead = threading.Lock()
        self._queue = Queue()
        # Those that were sent, in their order; also those that have given up, as replies will come.
        self._sent: deque[Call] = deque()
        self._heir: Call | None = None
        self._retired = False

    def exchange(self, payload: bytes, count: int, deadline: float) -> Replies:
        """Send packed commands and return their replies, or break off at the deadline."""
        if len(payload) > _LARGEST:
            raise CrowdedError
        if not self._lead.acquire(blocking=False):
            call = Call(payload, count, deadline)
            if self._wait(call):
                self._lead_with(call)
            return call.outcome()
        if self._queue:
            call = Call(payload, count, deadline)
            call.claim.acquire()
            self._lead_with(call)
            return call.outcome()
        try:
            return self._link.exchange(payload, count, deadline)
        except BaseException as error:
            # Its reply may be under way still: nobody may use the connection again.
            if self.failure is not None and isinstance(error, BrokenError):
                raise UnsentError(str(self.failure)) from error
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

    def _wait(self, call: Call) -> bool:
        """Wait until the call is answered, or has the lead."""
        self._queue.add(call)
        if self._lead.acquire(blocking=False):
            # It was laid down just before the call stood in the queue.
            self._pass_on()
        try:
            left = call.deadline - time.monotonic()
            if call.wake.acquire(timeout=max(0.0, min(left, self._queues))):
                return call.leads
            return self._wait_on(call)
        except BaseException:
            if not self._leave(call):
                self._pass_on()
            raise

    def _wait_on(self, call: Call) -> bool:
        """Wait for longer than usual: not sent only where the pool has no room, sent to the end."""
        while (left := call.deadline - time.monotonic()) > 0:
            if not call.is_taken_up:
                if self._has_room() and self._queue.withdraw(call):
                    if self._link.is_silent():
                        # Its leader is about to say so.
                        self.failure = self.failure or SilenceError("no answer in time")
                    call.failure = UnsentError("it waited for others")
                    return False
                left = min(left, _LOOKS_AGAIN)
            if call.wake.acquire(timeout=left):
                return call.leads
        if self._leave(call):
            call.failure = LateError("no answer in time")
            return False
        return call.leads

    def _leave(self, call: Call) -> bool:
        """Give a call up; if that is too late it has the lead."""
        if self._queue.withdraw(call) or call.claim.acquire(blocking=False):
            return True
        if not call.leads:
            call.wake.acquire()
        return False

    def _pass_on(self) -> None:
        """Give the lead to the call that has waited longest, or lay it down."""
        while True:
            heir = self._next_leader()
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

    def _next_leader(self) -> Call | None:
        heir, self._heir = self._heir, None
        if heir is not None:
            return heir
        while (call := self._queue.take()) is not None:
            if call.claim.acquire(blocking=False):
                return call
        return None

    def _lead_with(self, own: Call) -> None:
        try:
            if own.is_taken_up:
                self._receive_until(own)
            elif self.failure is not None:
                own.failure = UnsentError(str(self.failure))
            elif own.deadline <= time.monotonic():
                own.failure = LateError("no answer in time")
            else:
                self._send_with(own)
                self._receive_until(own)
        except BaseException as error:
            # Replies may be under way still: nobody may use the connection again.
            fail(self._sent, self._break(error), own)
            if not isinstance(error, BrokenError):
                raise
        finally:
            self._pass_on()

    def _send_with(self, own: Call) -> None:
        """Send a call, and what waits behind it."""
        payloads, size, now = [own.payload], 0, time.monotonic()
        own.is_taken_up = True
        self._sent.append(own)
        while (
            size < _MOST_BYTES and len(payloads) < _MOST_TOGETHER and (call := self._queue.take())
        ):
            call.is_taken_up = True
            if call.deadline <= now:
                # It is about to leave.
                call.failure = LateError("no answer in time")
                call.wake.release()
                continue
            self._sent.append(call)
            payloads.append(call.payload)
            size += len(call.payload)
        self._link.send(b"".join(payloads) if size else own.payload, own.deadline)

    def _receive_until(self, own: Call) -> None:
        """Hand out replies until a call has its own, and as far as the others' come with it."""
        sent, ends, begun = self._sent, own.deadline, time.monotonic()
        try:
            while sent:
                call = sent[0]
                self._link.receive(call.count, ends, call.arrived)
                call.replies = call.arrived
                sent.popleft()
                if call is not own:
                    call.wake.release()
                    continue
                now = time.monotonic()
                ends = min(ends, now + max(now - begun, _LEAST_TRIP))
        except SilenceError:
            if self._link.is_silent() or not self._find_heir():
                raise
            if own.replies is None:
                own.failure = LateError("no answer in time")

    def _find_heir(self) -> bool:
        """Find who goes on reading among those that were sent."""
        for call in self._sent:
            if call.claim.acquire(blocking=False):
                self._heir = call
                return True
        return False

    def _break(self, error: BaseException) -> BrokenError:
        """Close the connection, and return what broke it first: that it is closed says nothing."""
        close_link(self._link)
        if self.failure is None:
            interrupted = BrokenError("it was interrupted")
            self.failure = error if isinstance(error, BrokenError) else interrupted
        return type(self.failure)(str(self.failure))
