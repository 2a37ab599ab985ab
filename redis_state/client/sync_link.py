"""One blocking connection: redis-py opens it, then its socket is driven to an exact deadline."""

from __future__ import annotations

import contextlib
import time
from typing import Any

from hiredis import HiredisError, Reader, ReplyError
from redis.backoff import NoBackoff
from redis.connection import Connection, SSLConnection, UnixDomainSocketConnection
from redis.exceptions import RedisError, ResponseError
from redis.retry import Retry

from redis_state.client.failures import BrokenError, SilenceError, while_connecting
from redis_state.client.options import connection_options
from redis_state.operations import Capabilities, Replies
from redis_state.settings import Settings

_READ_SIZE = 65_536
_INCOMPLETE = object()


class _ExactDeadline:
    """Makes a redis-py connection read by an absolute deadline, also while it logs in.

    redis-py bounds each read from the socket, so that a server that sends a byte now and then could
    hold a caller for ever.
    """

    _sock: Any  # a socket, or None when closed
    deadline: float

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._reader = Reader(notEnoughData=_INCOMPLETE)
        self._buffer = bytearray(_READ_SIZE)
        self.capabilities: Capabilities | None = None

    def read_response(self, *_: Any, **__: Any) -> Any:
        """Read one reply for redis-py's own greeting of the server."""
        reply = self._read(self.deadline)
        if isinstance(reply, ReplyError):
            raise ResponseError(str(reply))
        return reply

    def exchange(self, payload: bytes, count: int, deadline: float) -> Replies:
        """Send packed commands and read their replies, or break off at the deadline."""
        try:
            self._sock.settimeout(_remaining(deadline))
            self._sock.sendall(payload)
            return [self._read(deadline) for _ in range(count)]
        except TimeoutError as error:
            raise SilenceError("no answer in time") from error
        except (OSError, HiredisError) as error:
            raise BrokenError(f"the connection broke: {error}") from error

    def _read(self, deadline: float) -> Any:
        while (reply := self._reader.gets()) is _INCOMPLETE:
            self._sock.settimeout(_remaining(deadline))
            size = self._sock.recv_into(self._buffer)
            if size == 0:
                raise ConnectionResetError("the server closed it")
            self._reader.feed(self._buffer, 0, size)  # type: ignore[arg-type]  # hiredis takes any buffer
        return reply

    def abandon(self) -> None:
        """Close this process' copy of the socket: the parent of a fork goes on with its own."""
        sock, self._sock = self._sock, None
        if sock is not None:
            sock.close()


class _TcpLink(_ExactDeadline, Connection):
    pass


class _TlsLink(_ExactDeadline, SSLConnection):
    pass


class _UnixLink(_ExactDeadline, UnixDomainSocketConnection):
    pass


Link = _TcpLink | _TlsLink | _UnixLink


def open_link(settings: Settings, deadline: float) -> Link:
    """Connect and log in, or break off at the deadline."""
    server = settings.server
    kind: type[Link] = _UnixLink if server.path else _TlsLink if server.tls else _TcpLink
    try:
        timeout = _remaining(deadline)
    except TimeoutError as error:
        raise SilenceError(str(error)) from error
    link = kind(
        **connection_options(settings),
        socket_connect_timeout=timeout,
        socket_timeout=timeout,
        retry=Retry(NoBackoff(), 0),
    )
    link.deadline = deadline
    try:
        link.connect()  # type: ignore[no-untyped-call]
    except BaseException as error:
        close_link(link)
        while_connecting(error, server)
        raise
    return link


def close_link(link: Link) -> None:
    """Close a connection, whatever state it is in."""
    with contextlib.suppress(RedisError, OSError):
        link.disconnect()  # type: ignore[no-untyped-call]


def _remaining(deadline: float) -> float:
    remaining = deadline - time.monotonic()
    if remaining <= 0:
        raise TimeoutError("the budget is used up")
    return remaining
