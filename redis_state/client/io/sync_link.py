"""One blocking connection: redis-py opens it, then its socket is driven to an exact deadline."""

from __future__ import annotations

import contextlib
import select
import ssl
import time
from typing import Any

from hiredis import HiredisError, PushNotification, Reader, ReplyError
from redis.backoff import NoBackoff
from redis.connection import UnixDomainSocketConnection
from redis.exceptions import RedisError, ResponseError
from redis.retry import Retry

from redis_state.client.io import forks
from redis_state.client.io.connecting import SyncLocated
from redis_state.client.io.mismatch import why_not_opened
from redis_state.client.io.options import connection_options
from redis_state.client.io.spin import Spin
from redis_state.client.io.tls import SyncTlsConnection
from redis_state.client.policy.abandoned import Identity
from redis_state.client.policy.attempts import BrokenError, SilenceError
from redis_state.client.policy.pulse import Pulse
from redis_state.config.settings import Settings
from redis_state.config.url import Server
from redis_state.operations.operation import Capabilities, Replies

_READ_SIZE = 65_536
_INCOMPLETE = object()
_NOT_YET = (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError)


class _ExactDeadline:
    """Makes a redis-py connection read by an absolute deadline, also while it logs in.

    redis-py bounds each read from the socket, so that a server that sends a byte now and then could
    hold a caller for ever.
    """

    _sock: Any  # a socket that never blocks, or None when closed
    disconnect: Any  # redis-py's way to close it
    deadline: float
    server: Server
    logged_in_at: float
    # For so many seconds the server may say nothing, after it was asked or has said something.
    silence = float("inf")
    # Until then, it is not silent as long as it says something on other connections.
    patient_until = 0.0

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._reader = Reader(notEnoughData=_INCOMPLETE)
        self._buffer = bytearray(_READ_SIZE)
        self._spin = Spin()
        self._quiet_since = time.monotonic()
        self.received = 0
        self.pulse = Pulse()
        self.capabilities: Capabilities | None = None
        self.identity: Identity | None = None

    def read_response(self, *_: Any, **__: Any) -> Any:
        """Read one reply for redis-py's own greeting of the server."""
        self._sock.settimeout(0)
        self._quiet_since = time.monotonic()
        (reply,) = self.receive(1, self.deadline, [])
        self._sock.settimeout(min(_remaining(self.deadline), self.silence))
        if isinstance(reply, ReplyError):
            raise ResponseError(str(reply))
        return reply

    def take_over(self) -> None:
        """Begin to drive the socket, after redis-py has logged in."""
        self._sock.settimeout(0)

    def exchange(self, packed: bytes, count: int, deadline: float) -> Replies:
        """Send packed commands and read their replies, or break off at the deadline."""
        self.send(packed, deadline)
        return self.receive(count, deadline, [])

    def send(self, packed: bytes, deadline: float) -> None:
        """Send packed commands, or break off at the deadline."""
        rest: bytes | memoryview = packed
        self._quiet_since = time.monotonic()
        try:
            while (sent := self._send(rest, deadline)) < len(rest):
                rest = memoryview(rest)[sent:]
                if sent:
                    self._quiet_since = time.monotonic()
        except (OSError, AttributeError) as error:
            raise _meaning(error) from error

    def receive(self, count: int, deadline: float, replies: Replies) -> Replies:
        """Read replies until there are as many, or break off at the deadline."""
        try:
            while len(replies) < count:
                reply = self._reader.gets()
                if reply is _INCOMPLETE:
                    self._fill(deadline)
                elif type(reply) is not PushNotification:
                    replies.append(reply)
        except (OSError, HiredisError, AttributeError) as error:
            raise _meaning(error) from error
        return replies

    def _send(self, packed: bytes | memoryview, deadline: float) -> int:
        try:
            sent: int = self._sock.send(packed)
        except _NOT_YET as reason:
            self._sleep(reason, select.POLLOUT, deadline)
            return 0
        return sent

    def _fill(self, deadline: float) -> None:
        """Receive what the server has sent, at first without sleeping."""
        receive, buffer, spin = self._sock.recv_into, self._buffer, self._spin
        awake_until, slept = time.monotonic() + spin.spell, False
        while True:
            try:
                size = receive(buffer)
                break
            except _NOT_YET as reason:
                if slept or time.monotonic() >= awake_until:
                    self._sleep(reason, select.POLLIN, deadline)
                    slept = True
        if slept:
            spin.in_vain()
        elif spin.spell:
            spin.rewarded()
        if size == 0:
            raise ConnectionResetError("the server closed it")
        self._quiet_since = self.pulse.heard_at = time.monotonic()
        self.received += size
        self._reader.feed(buffer, 0, size)  # type: ignore[arg-type]  # hiredis takes any buffer

    def _sleep(self, reason: OSError, event: int, deadline: float) -> None:
        # TLS may have to write before it can read, and the other way round.
        if isinstance(reason, ssl.SSLWantReadError):
            event = select.POLLIN
        elif isinstance(reason, ssl.SSLWantWriteError):
            event = select.POLLOUT
        waiting = select.poll()
        waiting.register(self._sock, event)
        waiting.poll(_remaining(min(deadline, self._silent_at())) * 1000 + 1)

    def is_silent(self) -> bool:
        """Tell whether the server owes something, and has said nothing for too long."""
        return time.monotonic() >= self._silent_at()

    def _silent_at(self) -> float:
        elsewhere = min(self.pulse.heard_at + self.silence, self.patient_until)
        return max(self._quiet_since + self.silence, elsewhere)

    def close(self) -> None:
        """Close the connection, whatever state it is in."""
        with contextlib.suppress(RedisError, OSError):
            self.disconnect()

    def leave_to_parent(self) -> None:
        """Close this process' copy of the socket: the parent of a fork goes on with its own."""
        sock, self._sock = self._sock, None
        if sock is not None:
            sock.close()


class _TcpLink(_ExactDeadline, SyncLocated):
    pass


class _TlsLink(_ExactDeadline, SyncTlsConnection, SyncLocated):
    pass


class _UnixLink(_ExactDeadline, UnixDomainSocketConnection):
    pass


Link = _TcpLink | _TlsLink | _UnixLink


def open_link(
    settings: Settings,
    server: Server,
    deadline: float,
    *,
    silence: float = float("inf"),
    within: float = float("inf"),
    pulse: Pulse | None = None,
    sentinel: bool = False,
) -> Link:
    """Connect to a server, or to a sentinel, and log in, or break off at the deadline.

    ``silence``: for so many seconds it may say nothing meanwhile; ``within``: so many may it take
    in all. ``pulse`` is told when it is heard.
    """
    call_ends, deadline = deadline, min(deadline, time.monotonic() + within)
    tls = settings.deployment.tls is not None
    kind: type[Link] = _UnixLink if server.path else _TlsLink if tls else _TcpLink
    try:
        timeout = min(_remaining(deadline), silence)
    except TimeoutError as error:
        raise SilenceError(str(error)) from error
    try:
        link = kind(
            **connection_options(settings, server, sentinel=sentinel),
            socket_connect_timeout=timeout,
            socket_timeout=timeout,
            retry=Retry(NoBackoff(), 0),
        )
    except UnboundLocalError as error:
        # Before 7.0, that is what redis-py makes of an interruption.
        raise (error.__context__ or error) from None
    if not isinstance(link, _UnixLink):
        link.look_up(timeout)
    link.deadline, link.silence = deadline, silence
    link.pulse = pulse or link.pulse
    link.server = server
    link.logged_in_at = time.monotonic()
    forks.tell(link, kind.leave_to_parent)
    try:
        link.connect()  # type: ignore[no-untyped-call]
        link.take_over()
    except BaseException as error:
        link.close()
        is_taken = not isinstance(link, _UnixLink) and link.is_taken
        why_not_opened(error, settings, server, call_ends if is_taken else None)
        raise
    return link


def _remaining(deadline: float) -> float:
    remaining = deadline - time.monotonic()
    if remaining <= 0:
        raise TimeoutError("the budget is used up")
    return remaining


def _meaning(error: Exception) -> BrokenError:
    if isinstance(error, TimeoutError):
        return SilenceError("no answer in time")
    # Another thread has closed the connection: there is no socket any more.
    if isinstance(error, AttributeError):
        return BrokenError("the connection was closed")
    return BrokenError(f"the connection broke: {error}")
