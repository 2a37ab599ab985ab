"""The fast lane of threads: one connection, on which calls made at the same time travel together.

Each call brings its packed commands. One of the callers has the *lead*: it sends what all have
brought in one write, reads the replies and hands them out, and then passes the lead on to the call
that has waited longest. So nobody works for the others for longer than one round trip, no thread of
ours exists, and a lone caller meets nothing but its own socket.

The lane breaks if the server says nothing for too long, and stays so: the client opens another one.
A slow reply breaks nothing. A leader whose time is over leaves the rest of the reading to another
call that was sent; one that was not sent in time takes a connection of the pool, where there is
room for it.

An invariant: **at most one call has the lead, and none waits while nobody has it.** The lead is
taken by one call of C, ``setdefault``, and passed on or laid down at the end of `exchange` without
any call, so that neither a thread nor an interruption can come between (CPython 3.11 to 3.13, with
its lock: a free-threaded build would need another one here). Who waits stands in the queue before
looking for the lead. `test_of_a_call_on_the_lane` fails without it.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable

from redis_state.client.io.sync_call import Call, move, withdraw
from redis_state.client.io.sync_link import Link
from redis_state.client.policy.attempts import (
    BrokenError,
    CrowdedError,
    LateError,
    SilenceError,
    UnsentError,
)
from redis_state.operations.operation import Capabilities, Replies

# More than this takes a connection of its own: others would have to wait for it.
_LARGEST = 65_536
# What leaves together: a crowd at a distant server needs one round trip, or a few.
_MOST_BYTES = 1_048_576
_MOST_TOGETHER = 1_000
_AT_A_TIME = 16
# What comes back together, as far as can be known: a server answers all of it before it sends any.
_MOST_ANSWERED = 4_194_304
# Seconds for which a leader goes on for others, if its round trip took less.
_LEAST_TRIP = 0.02
# Seconds after which a call that is not sent looks again whether there is room elsewhere.
_LOOKS_AGAIN = 0.05
# Seconds after which one that waits looks whether the lead was laid down without a word to it, as
# by one that was interrupted time and again.
_LOOKS_FOR_LEAD = 0.25
_LEAD = "lead"
# Whatever it was, the replies may be under way still.
_INTERRUPTED = BrokenError("it was interrupted")


class SyncLane:
    """Exchanges commands for any number of threads over one link.

    ``queues``: for so many seconds a call waits to be sent, while ``room`` tells that there is
    another way.
    """

    def __init__(
        self,
        link: Link,
        capabilities: Capabilities,
        queues: float = float("inf"),
        room: Callable[[], int] = lambda: 1,
    ) -> None:
        self.capabilities: Capabilities | None = capabilities
        self.server = link.server
        self.identity = link.identity
        self.logged_in_at = link.logged_in_at
        self.failure: BrokenError | None = None
        self._link = link
        self._queues = queues
        self._looks = min(queues, _LOOKS_FOR_LEAD)
        self._room = room
        # Who has the lead: nobody, or one. Who was about to take it can be asked afterwards.
        self._lead: dict[str, Call] = {}
        self._queue: deque[Call] = deque()
        # Those that were sent, in their order; also those that have given up, as replies will come.
        self._sent: deque[Call] = deque()
        self._heir: Call | None = None
        self._most = 64
        self._retired = False

    def exchange(self, packed: bytes, count: int, deadline: float) -> Replies:
        """Send packed commands and return their replies, or break off at the deadline."""
        if len(packed) > _LARGEST:
            raise CrowdedError
        call = Call(packed, count, deadline)
        try:
            if self._lead.setdefault(_LEAD, call) is call or self._wait(call):
                return self._lead_with(call)
            return call.outcome()
        finally:
            # The lead is passed on, or laid down, without any call on the way to the last one:
            # an interruption comes before all of it or after, see `permits`.
            call.is_over = True
            if _LEAD in self._lead and self._lead[_LEAD] is call:
                heir, self._heir = self._heir, None
                if (heir is None or heir.is_over) and self._queue:
                    heir = self._queue[0]
                if heir is None or heir.is_over:
                    del self._lead[_LEAD]
                else:
                    self._lead[_LEAD] = heir
                    heir.wake.release()
            elif call.replies is None:
                withdraw(call, self._queue)
            if self._retired:
                self._close_unused()

    @property
    def was_interrupted(self) -> bool:
        """Tell whether a call was interrupted whose reply may be under way still."""
        return self.failure is _INTERRUPTED

    def retire(self) -> None:
        """Close the connection, as soon as nobody uses it."""
        self._retired = True
        self._close_unused()

    def _close_unused(self) -> None:
        closing = Call(b"", 0, 0.0)
        try:
            if self._lead.setdefault(_LEAD, closing) is closing:
                self._link.close()
        finally:
            if _LEAD in self._lead and self._lead[_LEAD] is closing:
                del self._lead[_LEAD]

    def _wait(self, call: Call) -> bool:
        """Wait until the call is answered, or has the lead; tell whether it is to lead."""
        wake, now = call.begin_to_wait(), time.monotonic()
        self._queue.append(call)
        waits_until, looks_at = now + self._queues, now + self._looks
        # The lead may have been laid down just before the call stood in the queue.
        while self._lead.setdefault(_LEAD, call) is not call:
            looks_at = min(looks_at, call.deadline)
            if wake.acquire(timeout=looks_at - now if looks_at > now else 0.0):
                break
            now = time.monotonic()
            if now >= call.deadline:
                call.failure = LateError("no answer in time")
                return False
            looks_at = now + _LOOKS_FOR_LEAD
            if not call.is_taken_up:
                if now < waits_until:
                    looks_at = min(looks_at, waits_until)
                elif self._goes_another_way(call):
                    return False
                else:
                    looks_at = now + _LOOKS_AGAIN
        return call.replies is None and call.failure is None

    def _goes_another_way(self, call: Call) -> bool:
        """Give up a call that was not sent for longer than usual, if the pool has room."""
        if not self._room() or not withdraw(call, self._queue):
            return False
        if self._link.is_silent():
            # Its leader is about to say so.
            self.failure = self.failure or SilenceError("no answer in time")
        call.failure = UnsentError("it waited for others")
        return True

    def _lead_with(self, own: Call) -> Replies:
        if own.waits:
            withdraw(own, self._queue)
        failure = self.failure
        if failure is not None:
            raise type(failure)(str(failure)) if own.is_taken_up else UnsentError(str(failure))
        if own.waits and own.deadline <= time.monotonic():
            raise LateError("no answer in time")
        try:
            if not self._queue and not self._sent:
                return self._link.exchange(own.packed, own.count, own.deadline)
            if not own.is_taken_up:
                self._send_with(own)
            self._receive_until(own)
        except BaseException as error:
            # Replies may be under way still: nobody may use the connection again.
            if self.failure is None:
                self.failure = _INTERRUPTED
            broken = self._break(error)
            own.fail(broken)
            while self._sent:
                self._sent.popleft().fail(broken)
            if not isinstance(error, BrokenError):
                raise
        return own.outcome()

    def _send_with(self, own: Call) -> None:
        """Send a call, and what waits behind it."""
        parts, size, now, sent = [own.packed], 0, time.monotonic(), self._sent
        own.is_taken_up, own.arrived = True, []
        sent.append(own)
        while size < _MOST_BYTES and self._queue and (room := self._most - len(parts)) > 0:
            for call in move(self._queue, sent, min(room, _AT_A_TIME)):
                call.is_taken_up, call.arrived = True, []
                if call.is_over or call.deadline <= now:
                    # It is about to leave.
                    call.fail(LateError("no answer in time"))
                    withdraw(call, sent)
                    continue
                parts.append(call.packed)
                size += len(call.packed)
        self._link.send(b"".join(parts) if size else own.packed, own.deadline)

    def _receive_until(self, own: Call) -> None:
        """Hand out replies until a call has its own, and as far as the others' come with it."""
        sent, ends, begun = self._sent, own.deadline, time.monotonic()
        many, received = len(sent), self._link.received
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
            answered = max(1, self._link.received - received)
            self._most = max(1, min(_MOST_TOGETHER, _MOST_ANSWERED * many // answered))
        except SilenceError:
            if self._link.is_silent() or not self._find_heir(own):
                raise
            if own.replies is None:
                own.failure = LateError("no answer in time")

    def _find_heir(self, own: Call) -> bool:
        """Find who goes on reading among those that were sent."""
        for call in self._sent:
            if call is not own and not call.is_over:
                self._heir = call
                return True
        return False

    def _break(self, error: BaseException) -> BrokenError:
        """Close the connection, and return what broke it first: that it is closed says nothing."""
        self._link.close()
        if self.failure is _INTERRUPTED and isinstance(error, BrokenError):
            self.failure = error
        failure = self.failure or _INTERRUPTED
        return type(failure)(str(failure))
