"""A connection to the first of a host's addresses that answers, in place of redis-py's way.

An address that stays silent holds up the next one for a moment only (as RFC 8305 has it), so that
all of them are tried within the time that there is.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import select
import socket
import time
from collections import deque
from collections.abc import Mapping
from typing import Any

import redis.asyncio.connection
import redis.connection

from redis_state.client.io.lookups import Addresses, look_up, look_up_async
from redis_state.config.url import Server

# Seconds until the next address is tried as well, at most.
_HEAD_START = 0.25


class SyncLocated(redis.connection.Connection):
    """A blocking connection by TCP: redis-py's would give each address all the time."""

    deadline: float
    # Whether the server has taken the connection, whatever it makes of it.
    is_taken = False

    def look_up(self, seconds: float) -> None:
        """Find the addresses within so much time; one of them has to answer within as much."""
        self._seconds = seconds
        self._addresses = look_up(Server(self.host, self.port), time.monotonic() + seconds)

    def _connect(self) -> socket.socket:
        ends = min(self.deadline, time.monotonic() + self._seconds)
        sock = connect(self._addresses, ends)
        try:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
            for option, value in self.socket_keepalive_options.items():
                sock.setsockopt(socket.IPPROTO_TCP, option, value)
            # For the handshake of TLS.
            sock.settimeout(max(0.001, min(self.deadline - time.monotonic(), self._seconds)))
            self.is_taken = True
        except BaseException:
            sock.close()
            raise
        return sock


class AsyncLocated(redis.asyncio.connection.Connection):
    """A connection of an event loop by TCP: redis-py's would use the loop's own threads."""

    is_taken = False

    async def look_up(self, seconds: float) -> None:
        """Find the addresses within so much time; one of them should answer within as much."""
        self._seconds = seconds
        ends = time.monotonic() + seconds
        self._addresses = await look_up_async(Server(self.host, self.port), ends)

    async def _connect(self) -> None:
        self._connected = await connect_async(self._addresses, self._seconds)
        self.is_taken = True
        await super()._connect()  # type: ignore[no-untyped-call]

    def _connection_arguments(self) -> Mapping[str, Any]:
        return {"sock": self._connected}


def connect(addresses: Addresses, deadline: float) -> socket.socket:
    """Connect, or raise a TimeoutError at the deadline, or what the last address met."""
    head_start = _head_start(addresses, deadline - time.monotonic())
    left, next_at = deque(addresses), 0.0
    race = _Race()
    try:
        while left or race.trying:
            now = time.monotonic()
            if now >= deadline:
                raise TimeoutError("no answer in time")
            if left and (not race.trying or now >= next_at):
                race.begin(left.popleft())
                next_at = now + head_start
            sock = race.winner(min(next_at, deadline) if left else deadline)
            if sock is not None:
                return sock
        raise race.failure
    finally:
        race.end()


class _Race:
    """The sockets of a thread that are connecting."""

    def __init__(self) -> None:
        self.trying: dict[int, socket.socket] = {}
        self.failure = OSError("there is no address")
        self._waiting = select.poll()

    def begin(self, address: tuple[Any, ...]) -> None:
        """Let another one begin."""
        family, kind, protocol, _, where = address
        try:
            sock = socket.socket(family, kind, protocol)
        except OSError as error:
            self.failure = error
            return
        self.trying[sock.fileno()] = sock
        sock.settimeout(0)
        code = sock.connect_ex(where)
        if code in (0, errno.EINPROGRESS):
            self._waiting.register(sock, select.POLLOUT)
        else:
            self._lost(sock.fileno(), code)

    def winner(self, until: float) -> socket.socket | None:
        """Return the first that is connected, if there is one until then, and none has lost."""
        wait = max(0.0, until - time.monotonic()) * 1000 + 1 if self.trying else 0
        for number, _ in self._waiting.poll(wait):
            self._waiting.unregister(number)
            code = self.trying[number].getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
            if not code:
                return self.trying.pop(number)
            self._lost(number, code)
        return None

    def end(self) -> None:
        """Close the others."""
        for sock in self.trying.values():
            sock.close()

    def _lost(self, number: int, code: int) -> None:
        self.failure = OSError(code, os.strerror(code))
        self.trying.pop(number).close()


async def connect_async(addresses: Addresses, seconds: float) -> socket.socket:
    """Connect, or raise what the last address met; the caller gives so much time."""
    if len(addresses) == 1:
        return await _connected(addresses[0])
    head_start, left = _head_start(addresses, seconds), deque(addresses)
    trying: set[asyncio.Task[socket.socket]] = set()
    failure: BaseException = OSError("there is no address")
    try:
        while left or trying:
            if left:
                trying.add(asyncio.create_task(_connected(left.popleft())))
            ended, trying = await asyncio.wait(
                trying, timeout=head_start if left else None, return_when=asyncio.FIRST_COMPLETED
            )
            for task in ended:
                failure = task.exception() or failure
            won = [task.result() for task in ended if task.exception() is None]
            for sock in won[1:]:
                sock.close()
            if won:
                return won[0]
        raise failure
    finally:
        for task in trying:
            task.cancel()
            task.add_done_callback(_close_what_came)


def _head_start(addresses: Addresses, seconds: float) -> float:
    # Half of the time is that of the last one.
    return min(_HEAD_START, seconds / (2 * max(1, len(addresses))))


async def _connected(address: tuple[Any, ...]) -> socket.socket:
    family, kind, protocol, _, where = address
    sock = socket.socket(family, kind, protocol)
    try:
        sock.settimeout(0)
        await asyncio.get_running_loop().sock_connect(sock, where)
    except BaseException:
        sock.close()
        raise
    return sock


def _close_what_came(task: asyncio.Task[socket.socket]) -> None:
    with contextlib.suppress(asyncio.CancelledError, OSError):
        task.result().close()
