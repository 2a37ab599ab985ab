"""One connection of an event loop: redis-py opens it, then its streams are driven."""

from __future__ import annotations

import asyncio
import contextlib
import time
from typing import Any

from hiredis import HiredisError, Reader, ReplyError
from redis.asyncio.connection import Connection, SSLConnection, UnixDomainSocketConnection
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError, ResponseError

from redis_state.client.failures import BrokenError, SilenceError, while_connecting
from redis_state.client.options import connection_options
from redis_state.operations import Capabilities, Replies
from redis_state.settings import Settings

_READ_SIZE = 65_536
_INCOMPLETE = object()


class _DrivenStreams:
    """Makes a redis-py connection give replies as the server sent them, also while it logs in."""

    _reader: Any  # redis-py's streams, or None when closed
    _writer: Any

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._replies = Reader(notEnoughData=_INCOMPLETE)
        self.capabilities: Capabilities | None = None

    async def read_response(self, *_: Any, **__: Any) -> Any:
        """Read one reply for redis-py's own greeting of the server."""
        reply = await self._read()
        if isinstance(reply, ReplyError):
            raise ResponseError(str(reply))
        return reply

    async def exchange(self, payload: bytes, count: int, deadline: float) -> Replies:
        """Send packed commands and read their replies, or break off at the deadline."""
        try:
            async with _until(deadline):
                self._writer.write(payload)
                await self._writer.drain()
                return [await self._read() for _ in range(count)]
        except TimeoutError as error:
            raise SilenceError("no answer in time") from error
        except (OSError, HiredisError) as error:
            raise BrokenError(f"the connection broke: {error}") from error

    async def _read(self) -> Any:
        while (reply := self._replies.gets()) is _INCOMPLETE:
            data = await self._reader.read(_READ_SIZE)
            if not data:
                raise ConnectionResetError("the server closed it")
            self._replies.feed(data)
        return reply

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


class _TcpLink(_DrivenStreams, Connection):
    pass


class _TlsLink(_DrivenStreams, SSLConnection):
    pass


class _UnixLink(_DrivenStreams, UnixDomainSocketConnection):
    pass


AsyncLink = _TcpLink | _TlsLink | _UnixLink


async def open_link(settings: Settings, deadline: float) -> AsyncLink:
    """Connect and log in, or break off at the deadline."""
    server = settings.server
    kind: type[AsyncLink] = _UnixLink if server.path else _TlsLink if server.tls else _TcpLink
    link = kind(
        **connection_options(settings),
        # The deadline around the whole rules; redis-py would take "no timeout" for its own default.
        socket_connect_timeout=settings.budget,
        socket_timeout=settings.budget,
        retry=Retry(NoBackoff(), 0),
    )
    try:
        async with _until(deadline):
            await link.connect()  # type: ignore[no-untyped-call]
    except BaseException as error:
        with contextlib.suppress(RedisError, OSError):
            await link.disconnect(nowait=True)
        while_connecting(error, server)
        raise
    return link


def _until(deadline: float) -> asyncio.Timeout:
    return asyncio.timeout(deadline - time.monotonic())
