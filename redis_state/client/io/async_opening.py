"""How a connection of an event loop is opened: by redis-py, as long as the server goes on."""

from __future__ import annotations

import asyncio
import contextlib
import time
from typing import Any

from hiredis import PushNotification, Reader, ReplyError
from redis.asyncio.connection import UnixDomainSocketConnection
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError, ResponseError

from redis_state.client.io.async_link import AsyncLink
from redis_state.client.io.connected import INCOMPLETE
from redis_state.client.io.connecting import AsyncLocated
from redis_state.client.io.mismatch import why_not_opened_async
from redis_state.client.io.options import connection_options
from redis_state.client.io.tls import AsyncTlsConnection
from redis_state.client.policy.attempts import SilenceError
from redis_state.client.policy.pulse import Pulse
from redis_state.config.settings import Settings
from redis_state.config.url import Server

_READ_SIZE = 65_536
# Seconds after which it is looked at again whether the server goes on.
_TICK = 0.05


class Opened:
    """Makes a redis-py connection read its replies with our reader, as long as it logs in."""

    _reader: Any  # redis-py's streams, or None when closed
    _writer: Any
    _streams: tuple[Any, Any]  # the same, once they are handed over
    deadline: float
    is_given_up = False
    pulse: Pulse

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.replies = Reader(notEnoughData=INCOMPLETE)
        self.heard_at = 0.0

    async def read_response(self, *_: Any, **__: Any) -> Any:
        """Read one reply for redis-py's own greeting of the server."""
        while type(reply := self.replies.gets()) is PushNotification or reply is INCOMPLETE:
            if reply is INCOMPLETE:
                # By its own deadline, and when it is given up: before Python 3.12, redis-py's way
                # to send swallows a cancellation that comes in the moment in which all is sent.
                if self.is_given_up:
                    raise TimeoutError("no answer in time")
                async with asyncio.timeout(self.deadline - time.monotonic()):
                    data = await self._reader.read(_READ_SIZE)
                if not data:
                    raise ConnectionResetError("the server closed it")
                self.heard_at = self.pulse.heard_at = time.monotonic()
                self.replies.feed(data)
        if isinstance(reply, ReplyError):
            raise ResponseError(str(reply))
        return reply

    def hand_over(self) -> asyncio.Transport:
        """Return the transport, which is redis-py's no more."""
        # The finalizer of redis-py 5 would close it, and complain where the loop is gone.
        self._streams = self._reader, self._writer
        self._reader = self._writer = None
        transport: asyncio.Transport = self._streams[1].transport
        return transport

    def close(self) -> None:
        """Close the connection at once, also one whose loop is closed already."""
        reader, writer = self._streams
        with contextlib.suppress(RuntimeError):
            writer.transport.abort()
        # A closed loop runs no callback any more, so its transport would keep the socket open.
        sock = getattr(writer.transport, "_sock", None)
        if reader._loop.is_closed() and sock is not None:
            sock.close()


class _Tcp(Opened, AsyncLocated):
    pass


class _Tls(Opened, AsyncTlsConnection, AsyncLocated):
    pass


class _Unix(Opened, UnixDomainSocketConnection):
    pass


class _Watch:
    """Ends a block when the server has said nothing for too long, or has taken too long in all.

    A loop that stands still hears nothing, which is not the server's silence: that does not count.
    """

    def __init__(
        self, opened: Opened, limit: asyncio.Timeout, silence: float, within: float
    ) -> None:
        self._opened = opened
        self._limit = limit
        self._silence = silence
        self._left = within
        self._quiet, self._heard_at = 0.0, 0.0
        self._loop = asyncio.get_running_loop()
        self._looked_at = self._loop.time()
        self._timer = self._loop.call_later(_TICK, self._look)

    def end(self) -> None:
        """Watch no longer."""
        self._timer.cancel()

    def _look(self) -> None:
        now, heard_at = self._loop.time(), self._opened.heard_at
        passed = min(now - self._looked_at, 2 * _TICK)
        self._quiet = passed + (self._quiet if heard_at == self._heard_at else 0.0)
        self._left -= passed
        self._looked_at, self._heard_at = now, heard_at
        if self._quiet >= self._silence or self._left <= 0:
            self._opened.is_given_up = True
            self._limit.reschedule(now)
        else:
            self._timer = self._loop.call_later(_TICK, self._look)


async def open_link(
    settings: Settings,
    server: Server,
    deadline: float,
    *,
    silence: float = float("inf"),
    within: float = float("inf"),
    pulse: Pulse | None = None,
    sentinel: bool = False,
) -> AsyncLink:
    """Connect to a server, or to a sentinel, and log in, or break off at the deadline.

    ``silence``: for so many seconds it may say nothing meanwhile; ``within``: so many may it take
    in all. ``pulse`` is told when it is heard.
    """
    silence = min(silence, within)
    tls = settings.deployment.tls is not None
    kind = _Unix if server.path else _Tls if tls else _Tcp
    opened: _Tcp | _Tls | _Unix = kind(
        **connection_options(settings, server, sentinel=sentinel),
        # The deadline around the whole rules; redis-py would take "no timeout" for its own default.
        socket_connect_timeout=settings.budget,
        socket_timeout=settings.budget,
        retry=Retry(NoBackoff(), 0),
    )
    opened.deadline, opened.pulse = deadline, pulse or Pulse()
    begun = time.monotonic()
    if deadline <= begun:
        raise SilenceError("no answer in time")
    if not isinstance(opened, _Unix):
        await opened.look_up(min(deadline - begun, silence, within))
        within -= time.monotonic() - begun
    try:
        async with asyncio.timeout(deadline - time.monotonic()), asyncio.timeout(None) as limit:
            watch = _Watch(opened, limit, silence, within)
            try:
                await opened.connect()  # type: ignore[no-untyped-call]
            finally:
                watch.end()
    except BaseException as error:
        with contextlib.suppress(RedisError, OSError):
            await opened.disconnect(nowait=True)
        is_taken = not isinstance(opened, _Unix) and opened.is_taken
        await why_not_opened_async(error, settings, server, deadline if is_taken else None)
        raise
    link = AsyncLink(opened, server, opened.pulse)
    link.silence = silence
    return link
