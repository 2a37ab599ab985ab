"""One connection of an event loop: redis-py opens it, then its transport is driven.

Any number of calls may be under way on a link. A call that is alone leaves at once; what several
send in one tick of the loop leaves in one write. The replies are theirs in the order of the calls;
a call that is cancelled, or whose time is over, still gets its reply, which then goes nowhere.

A link breaks for all if the server says nothing for too long, and stays so. A slow reply breaks
nothing. What the server does not take yet stays here; a call that was not sent in time takes a
connection of the pool, where there is room for it.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable

from hiredis import HiredisError, PushNotification

from redis_state.client.io.connected import INCOMPLETE, Connected
from redis_state.client.policy.abandoned import Identity
from redis_state.client.policy.attempts import (
    BrokenError,
    CrowdedError,
    LateError,
    SilenceError,
    UnsentError,
)
from redis_state.client.policy.pulse import Pulse
from redis_state.config.url import Server
from redis_state.operations.operation import Capabilities, Replies

# More than this takes a connection of its own: others would have to wait for it.
_LARGEST = 65_536
_MOST_UNSENT = 1_048_576
# Seconds after which calls that are not sent look again whether there is room elsewhere.
_LOOKS_AGAIN = 0.05
# So many calls leave before the tick ends: the server works on them while the rest is packed.
_ENOUGH_TO_SEND = 50
# Seconds by which a timer may be late on a loop that goes on.
_LATE = 0.02
_CLOSED = BrokenError("the connection was closed")

_Waiting = tuple[asyncio.Future[Replies], int, float]


class AsyncLink(asyncio.Protocol):
    """Exchanges commands for the tasks of one loop."""

    is_shared = False  # as a lane is, among calls that keep it short
    was_interrupted = False  # as a call that is cancelled breaks nothing

    def __init__(self, connection: Connected, server: Server, pulse: Pulse) -> None:
        self.capabilities: Capabilities | None = None
        self.identity: Identity | None = None
        self.server = server
        self.logged_in_at = time.monotonic()
        # For so many seconds the server may say nothing, after it was asked or has said something.
        self.silence = float("inf")
        # Until then, it is not silent as long as it says something on other connections.
        self.patient_until = 0.0
        # So long before its deadline a call looks for another way, if it was not sent.
        self.leaves_before = 0.0
        # For how many calls there is another way.
        self.room: Callable[[], int] = lambda: _MOST_UNSENT
        self._pulse = pulse
        self._loop = asyncio.get_running_loop()
        self._connection: Connected | None = connection
        self._replies = connection.replies
        self._transport = connection.hand_over()
        self._transport.set_protocol(self)
        # The last of these are those in the outbox, which were not sent yet.
        self._waiting: deque[_Waiting] = deque()
        self._arrived: Replies = []
        self._outbox: list[bytes] = []
        self._unsent = 0
        # Whether several calls were under way when the server was last heard.
        self._is_crowded = False
        self._leaves_soon = False
        self._is_full = False
        self._untaken = 0
        self._quiet_since = 0.0
        self._watch: asyncio.TimerHandle | None = None
        self._watch_ends = 0.0
        self.failure: BrokenError | None = None

    def exchange(self, packed: bytes, count: int, deadline: float) -> asyncio.Future[Replies]:
        """Send packed commands and return their replies, or break off at the deadline."""
        if self._connection is None:
            raise _again(self.failure or _CLOSED)
        size = len(packed)
        if self.is_shared and (
            size > _LARGEST or ((self._is_full or self._unsent > _MOST_UNSENT) and self.room() > 0)
        ):
            raise CrowdedError
        future: asyncio.Future[Replies] = self._loop.create_future()
        is_alone = not (self._waiting or self._is_crowded)
        self._waiting.append((future, count, deadline))
        self._outbox.append(packed)
        self._unsent += size
        if is_alone or len(self._outbox) == _ENOUGH_TO_SEND:
            self._flush()
        elif not self._leaves_soon:
            self._leave_soon()
        if self._watch is None or deadline < self._watch_ends or not self.is_shared:
            self._watch_until(min(deadline, time.monotonic() + self.silence))
        return future

    def close(self) -> None:
        """Close the connection at once; what is under way fails."""
        self._break(_CLOSED)

    retire = close

    def data_received(self, data: bytes) -> None:
        """Give the replies to the calls in their order."""
        next_reply, waiting, arrived = self._replies.gets, self._waiting, self._arrived
        self._is_crowded = len(waiting) > 1
        self._quiet_since = self._pulse.heard_at = time.monotonic()
        self._replies.feed(data)
        try:
            while (reply := next_reply()) is not INCOMPLETE:
                if type(reply) is PushNotification:
                    continue
                arrived.append(reply)
                if len(arrived) == waiting[0][1]:
                    future = waiting.popleft()[0]
                    if not future.done():
                        future.set_result(arrived)
                    arrived = self._arrived = []
        except HiredisError as error:
            self._break(BrokenError(f"the connection broke: {error}"))
        except IndexError:
            self._break(BrokenError("the server sent what nobody had asked for"))
        if self._is_crowded:
            # In the tick in which the calls go on, and behind them: so it needs none of its own.
            self._leave_soon()

    def connection_lost(self, error: Exception | None) -> None:
        """Fail what is under way."""
        self._break(BrokenError(f"the connection broke: {error or 'the server closed it'}"))

    def pause_writing(self) -> None:
        """Note that the server takes no more for now."""
        self._is_full = True
        self._untaken = self._transport.get_write_buffer_size()
        self._watch_until(time.monotonic() + _LOOKS_AGAIN)

    def resume_writing(self) -> None:
        """Send what has waited, as far as the server takes it."""
        self._is_full = False
        self._quiet_since = time.monotonic()
        self._flush()

    def _leave_soon(self) -> None:
        self._leaves_soon = True
        self._loop.call_soon(self._flush)

    def _flush(self) -> None:
        self._leaves_soon = False
        if len(self._outbox) == len(self._waiting):
            # It has not been asked anything until now.
            self._quiet_since = time.monotonic()
        while self._outbox and not self._is_full and self._connection is not None:
            packed = b"".join(self._outbox[:_ENOUGH_TO_SEND])
            del self._outbox[:_ENOUGH_TO_SEND]
            self._unsent -= len(packed)
            self._transport.write(packed)

    def _watch_until(self, moment: float) -> None:
        if self._watch is not None:
            self._watch.cancel()
        self._watch_ends = moment
        self._watch = self._loop.call_later(moment - time.monotonic(), self._look)

    def _look(self) -> None:
        """Look what has waited for too long."""
        self._watch = None
        if not self._waiting:
            return
        now = time.monotonic()
        # A loop that stands still hears nothing, which is not the server's silence.
        self._quiet_since += max(0.0, now - self._watch_ends - _LATE)
        if self._is_full and self._transport.get_write_buffer_size() < self._untaken:
            # It says nothing, but takes more.
            self._untaken, self._quiet_since = self._transport.get_write_buffer_size(), now
        earliest = min(deadline for _, _, deadline in self._waiting)
        is_asked = len(self._waiting) > len(self._outbox)
        if (is_asked and now >= self._silent_at()) or (earliest <= now and not self.is_shared):
            self._break(SilenceError("no answer in time"))
            return
        if earliest <= now or self._outbox:
            self._let_go(now)
        looks_again = [self._silent_at() if is_asked else now + _LOOKS_AGAIN]
        looks_again += [ends for future, _, ends in self._waiting if not future.done()]
        if self._outbox:
            looks_again.append(now + _LOOKS_AGAIN)
        if self._waiting:
            self._watch_until(min(looks_again))

    def _silent_at(self) -> float:
        elsewhere = min(self._pulse.heard_at + self.silence, self.patient_until)
        return max(self._quiet_since + self.silence, elsewhere)

    def _let_go(self, now: float) -> None:
        """End the calls whose time is over, and those that may go another way."""
        room = self.room()
        unsent = zip([self._waiting.pop() for _ in self._outbox][::-1], self._outbox, strict=True)
        self._outbox = []
        for call, _, deadline in self._waiting:
            if deadline <= now and not call.done():
                call.set_exception(LateError("no answer in time"))
        for waiting, packed in unsent:
            call, _, deadline = waiting
            if call.done():
                continue
            if deadline <= now:
                call.set_exception(LateError("no answer in time"))
            elif room > 0 and deadline - self.leaves_before <= now:
                room -= 1
                call.set_exception(UnsentError("it waited for others"))
            else:
                self._waiting.append(waiting)
                self._outbox.append(packed)
        self._unsent = sum(map(len, self._outbox))

    def _break(self, failure: BrokenError) -> None:
        if self._connection is None:
            return
        connection, self._connection, self.failure = self._connection, None, failure
        connection.close()
        if self._watch is not None:
            self._watch.cancel()
        sent = len(self._waiting) - len(self._outbox)
        self._outbox.clear()
        if self._loop.is_closed():
            # Nobody waits any more, and nobody could be told.
            self._waiting.clear()
        for number, (future, _, _) in enumerate(self._waiting):
            if not future.done():
                unsent = UnsentError(str(failure))
                future.set_exception(_again(failure) if number < sent else unsent)
        self._waiting.clear()


def _again(failure: BrokenError) -> BrokenError:
    # An error of its own for each caller, who adds a traceback to it.
    return type(failure)(str(failure))
