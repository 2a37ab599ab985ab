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
from redis.exceptions import AuthenticationError, RedisError, ResponseError
from redis.exceptions import TimeoutError as RedisTimeoutError

from redis_state.client.failures import BrokenError, SilenceError, check
from redis_state.client.options import connection_options
from redis_state.operations import Replies
from redis_state.settings import Server, Settings

_READ_SIZE = 65_536
_INCOMPLETE = object()


class AsyncLink:
    """A connection that redis-py has opened and logged in on the running loop."""

    def __init__(self, connection: Connection | UnixDomainSocketConnection) -> None:
        self._connection = connection
        assert connection._reader is not None
        assert connection._writer is not None
        self._source, self._sink = connection._reader, connection._writer
        self._reader = Reader(notEnoughData=_INCOMPLETE)

    async def exchange(self, payload: bytes, count: int, deadline: float) -> Replies:
        """Send packed commands and read their replies, or break off at the deadline."""
        try:
            async with _until(deadline):
                self._sink.write(payload)
                await self._sink.drain()
                return [await self._read() for _ in range(count)]
        except TimeoutError as error:
            raise SilenceError("no answer in time") from error
        except (OSError, HiredisError) as error:
            raise BrokenError(f"the connection broke: {error}") from error

    async def _read(self) -> Any:
        while (reply := self._reader.gets()) is _INCOMPLETE:
            data = await self._source.read(_READ_SIZE)
            if not data:
                raise ConnectionResetError("the server closed it")
            self._reader.feed(data)
        return reply

    def close(self) -> None:
        """Close the connection at once, also one whose loop is closed or in another process."""
        connection, transport = self._connection, self._sink.transport
        connection._reader = connection._writer = None
        with contextlib.suppress(RuntimeError, OSError):
            transport.abort()
        # A closed loop runs no callback any more, so its transport would keep the socket open.
        sock = getattr(transport, "_sock", None)
        if sock is not None and self._loop_is_closed():
            sock.close()

    def _loop_is_closed(self) -> bool:
        return bool(self._source._loop.is_closed())  # type: ignore[attr-defined]


async def open_link(settings: Settings, deadline: float) -> AsyncLink:
    """Connect and log in, or break off at the deadline."""
    server = settings.server
    kind = SSLConnection if server.tls else Connection
    connection = (UnixDomainSocketConnection if server.path else kind)(
        **connection_options(settings),
        # The deadline around the whole rules; redis-py would take "no timeout" for its own default.
        socket_connect_timeout=settings.budget,
        socket_timeout=settings.budget,
        retry=Retry(NoBackoff(), 0),
    )
    try:
        async with _until(deadline):
            await connection.connect()  # type: ignore[no-untyped-call]
    except BaseException as error:
        with contextlib.suppress(RedisError, OSError):
            await connection.disconnect(nowait=True)
        _explain(error, server)
        raise
    return AsyncLink(connection)


def _explain(error: BaseException, server: Server) -> None:
    """Raise what the error of a failed connection means, unless it is none of redis-py's."""
    if isinstance(error, AuthenticationError):
        check([ReplyError(f"WRONGPASS {error}")], server)
    if isinstance(error, ResponseError):
        check([ReplyError(str(error))], server)
    if isinstance(error, (TimeoutError, RedisTimeoutError)):
        raise SilenceError(str(error)) from error
    if isinstance(error, (RedisError, OSError)):
        raise BrokenError(str(error)) from error


def _until(deadline: float) -> asyncio.Timeout:
    return asyncio.timeout(deadline - time.monotonic())
