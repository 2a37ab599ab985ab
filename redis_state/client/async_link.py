"""One connection of an event loop: redis-py opens it, then its transport is driven.

Any number of calls may be under way on a link. What they send in one tick of the loop leaves in one
write, and the replies are theirs in the order of the calls; a call that is cancelled still gets
its reply, which then goes nowhere. A call that is not answered by its deadline breaks the link for
all, and a link that broke stays so.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import deque
from typing import Any

from hiredis import HiredisError, PushNotification, Reader, ReplyError
from redis.asyncio.connection import UnixDomainSocketConnection
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError, ResponseError

from redis_state.client.attempts import BrokenError, CrowdedError, SilenceError
from redis_state.client.connecting import AsyncLocated
from redis_state.client.failures import while_connecting
from redis_state.client.options import connection_options
from redis_state.client.orphans import Identity
from redis_state.client.tls import AsyncTlsConnection
from redis_state.operations import Capabilities, Replies
from redis_state.settings import Settings
from redis_state.url import Server

_READ_SIZE = 65_536
_INCOMPLETE = object()
# More than this takes a connection of its own: others would have to wait for it.
_LARGEST = 65_536
_MOST_UNSENT = 1_048_576
# So many calls leave before the tick ends: the server works on them while the rest is packed.
_ENOUGH_TO_SEND = 50


class _Opened:
    """Makes a redis-py connection read its replies with our reader, as long as it logs in."""

    _reader: Any  # redis-py's streams, or None when closed
    _writer: Any
    deadline: float

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.replies = Reader(notEnoughData=_INCOMPLETE)

    async def read_response(self, *_: Any, **__: Any) -> Any:
        """Read one reply for redis-py's own greeting of the server."""
        while type(reply := self.replies.gets()) is PushNotification or reply is _INCOMPLETE:
            if reply is _INCOMPLETE:
                # By its own deadline: before Python 3.12, redis-py's way to send swallows that of
                # others, if it comes in the moment in which all is sent.
                async with asyncio.timeout(self.deadline - time.monotonic()):
                    data = await self._reader.read(_READ_SIZE)
                if not data:
                    raise ConnectionResetError("the server closed it")
                self.replies.feed(data)
        if isinstance(reply, ReplyError):
            raise ResponseError(str(reply))
        return reply

    def hand_over(self) -> asyncio.Transport:
        """Return the transport, which is redis-py's no more."""
        transport: asyncio.Transport = self._writer.transport
        return transport

    def close(self) -> None:
        """Close the connection at once, also one whose loop is closed already."""
        writer, loop_is_closed = self._writer, self._reader._loop.is_closed()
        self._reader = self._writer = None
        with contextlib.suppress(RuntimeError):
            writer.transport.abort()
        # A closed loop runs no callback any more, so its transport would keep the socket open.
        sock = getattr(writer.transport, "_sock", None)
        if loop_is_closed and sock is not None:
            sock.close()


class _Tcp(_Opened, AsyncLocated):
    pass


class _Tls(_Opened, AsyncTlsConnection, AsyncLocated):
    pass


class _Unix(_Opened, UnixDomainSocketConnection):
    pass


class AsyncLink(asyncio.Protocol):
    """Exchanges commands for the tasks of one loop; ``shared``: for those that keep it short."""

    def __init__(self, connection: _Opened, server: Server, *, shared: bool) -> None:
        self.capabilities: Capabilities | None = None
        self.identity: Identity | None = None
        self.server = server
        self.logged_in_at = time.monotonic()
        self._loop = asyncio.get_running_loop()
        self._connection: _Opened | None = connection
        self._replies = connection.replies
        self._shared = shared
        self._transport = connection.hand_over()
        self._transport.set_protocol(self)
        self._waiting: deque[tuple[asyncio.Future[Replies], int, float]] = deque()
        self._arrived: Replies = []
        self._outbox: list[bytes] = []
        self._unsent = 0
        self._is_full = False
        self._watch: asyncio.TimerHandle | None = None
        self._watch_ends = 0.0
        self._failure = BrokenError("the connection was closed")

    def exchange(self, payload: bytes, count: int, deadline: float) -> asyncio.Future[Replies]:
        """Send packed commands and return their replies, or break off at the deadline."""
        if self._connection is None:
            raise _again(self._failure)
        size = len(payload)
        if self._shared and (self._is_full or size > _LARGEST or self._unsent > _MOST_UNSENT):
            raise CrowdedError
        future: asyncio.Future[Replies] = self._loop.create_future()
        self._waiting.append((future, count, deadline))
        if not self._outbox:
            self._loop.call_soon(self._flush)
        self._outbox.append(payload)
        self._unsent += size
        if len(self._outbox) == _ENOUGH_TO_SEND:
            self._flush()
        if self._watch is None or deadline < self._watch_ends:
            self._watch_until(deadline)
        return future

    def close(self) -> None:
        """Close the connection at once; what is under way fails."""
        self._break(self._failure)

    def data_received(self, data: bytes) -> None:
        """Give the replies to the calls in their order."""
        next_reply, waiting, arrived = self._replies.gets, self._waiting, self._arrived
        self._replies.feed(data)
        try:
            while (reply := next_reply()) is not _INCOMPLETE:
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

    def connection_lost(self, error: Exception | None) -> None:
        """Fail what is under way."""
        self._break(BrokenError(f"the connection broke: {error or 'the server closed it'}"))

    def pause_writing(self) -> None:
        """Note that the server takes no more for now."""
        self._is_full = True

    def resume_writing(self) -> None:
        """Note that the server takes more again."""
        self._is_full = False

    def _flush(self) -> None:
        outbox, self._outbox, self._unsent = self._outbox, [], 0
        if outbox and self._connection is not None:
            self._transport.write(outbox[0] if len(outbox) == 1 else b"".join(outbox))

    def _watch_until(self, deadline: float) -> None:
        if self._watch is not None:
            self._watch.cancel()
        self._watch_ends = deadline
        self._watch = self._loop.call_later(deadline - time.monotonic(), self._look)

    def _look(self) -> None:
        self._watch = None
        if not self._waiting:
            return
        earliest = min(deadline for _, _, deadline in self._waiting)
        if earliest > time.monotonic():
            self._watch_until(earliest)
        else:
            self._break(SilenceError("no answer in time"))

    def _break(self, failure: BrokenError) -> None:
        if self._connection is None:
            return
        connection, self._connection, self._failure = self._connection, None, failure
        connection.close()
        if self._watch is not None:
            self._watch.cancel()
        self._outbox.clear()
        if self._loop.is_closed():
            # Nobody waits any more, and nobody could be told.
            self._waiting.clear()
        while self._waiting:
            future, _, _ = self._waiting.popleft()
            if not future.done():
                future.set_exception(_again(failure))


async def open_link(
    settings: Settings,
    server: Server,
    deadline: float,
    *,
    shared: bool = False,
    sentinel: bool = False,
) -> AsyncLink:
    """Connect to a server, or to a sentinel, and log in, or break off at the deadline."""
    tls = settings.deployment.tls is not None
    kind = _Unix if server.path else _Tls if tls else _Tcp
    opened: _Tcp | _Tls | _Unix = kind(
        **connection_options(settings, server, sentinel=sentinel),
        # The deadline around the whole rules; redis-py would take "no timeout" for its own default.
        socket_connect_timeout=settings.budget,
        socket_timeout=settings.budget,
        retry=Retry(NoBackoff(), 0),
    )
    opened.deadline = deadline
    if deadline <= time.monotonic():
        raise SilenceError("no answer in time")
    if not isinstance(opened, _Unix):
        await opened.look_up(deadline)
    try:
        async with asyncio.timeout(deadline - time.monotonic()):
            await opened.connect()  # type: ignore[no-untyped-call]
    except BaseException as error:
        with contextlib.suppress(RedisError, OSError):
            await opened.disconnect(nowait=True)
        while_connecting(error, server, rotating=settings.credential_provider is not None)
        raise
    return AsyncLink(opened, server, shared=shared)


def _again(failure: BrokenError) -> BrokenError:
    # An error of its own for each caller, who adds a traceback to it.
    return type(failure)(str(failure))
