"""Whether a server speaks TLS where none was asked for, or none where it was.

Redis closes a connection that begins otherwise than its port expects, or waits for more without a
word. So once one came to nothing, a second one greets in the other way, and an answer tells.
Nothing secret is sent.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
import time

from redis_state.client.io.certificate_dates import validity, validity_async
from redis_state.client.io.connecting import connect, connect_async
from redis_state.client.io.lookups import look_up, look_up_async
from redis_state.client.policy.attempts import AttemptError, BrokenError, LoginError, SilenceError
from redis_state.client.policy.certificates import is_untimely, untrusted_certificate
from redis_state.client.policy.server_errors import untrusted_of, while_connecting
from redis_state.config.settings import Settings
from redis_state.config.url import Server
from redis_state.errors import MisconfiguredError

# Seconds that it may take; a server that is silent for other reasons is so here, too.
_A_MOMENT = 0.3
# The types of a TLS record: a handshake or an alert. Of a reply: an error, mostly.
_TLS, _PLAIN = (b"\x16", b"\x15"), (b"-", b"+")


def why_not_opened(
    error: BaseException, settings: Settings, server: Server, call_ends: float | None
) -> None:
    """Raise what it means that a connection was not opened, unless the error is a stranger's.

    ``call_ends``: None where the server has not even taken the connection.
    """
    try:
        while_connecting(error, server, rotating=settings.credential_provider is not None)
    except BrokenError as failure:
        if call_ends is not None:
            check_mismatch(settings, server, failure, call_ends)
        raise
    except MisconfiguredError:
        untrusted = untrusted_of(error)
        if untrusted is None or not is_untimely(untrusted) or call_ends is None:
            raise
        valid = validity(settings, server, call_ends)
        raise MisconfiguredError(untrusted_certificate(untrusted, server, valid)) from error


async def why_not_opened_async(
    error: BaseException, settings: Settings, server: Server, call_ends: float | None
) -> None:
    """Raise what it means that a connection was not opened, unless the error is a stranger's."""
    try:
        while_connecting(error, server, rotating=settings.credential_provider is not None)
    except BrokenError as failure:
        if call_ends is not None:
            await check_mismatch_async(settings, server, failure, call_ends)
        raise
    except MisconfiguredError:
        untrusted = untrusted_of(error)
        if untrusted is None or not is_untimely(untrusted) or call_ends is None:
            raise
        valid = await validity_async(settings, server, call_ends)
        raise MisconfiguredError(untrusted_certificate(untrusted, server, valid)) from error


def check_mismatch(
    settings: Settings, server: Server, failure: BrokenError, deadline: float
) -> None:
    """Raise if a connection came to nothing because only one side speaks TLS."""
    if not _may_explain(settings, server, failure):
        return
    ends = min(deadline, time.monotonic() + _A_MOMENT)
    answer = b""
    with contextlib.suppress(AttemptError, OSError), connect(look_up(server, ends), ends) as sock:
        sock.settimeout(max(0.001, ends - time.monotonic()))
        sock.sendall(_other_greeting(settings))
        answer = sock.recv(1)
    _compare(settings, server, answer, failure)


async def check_mismatch_async(
    settings: Settings, server: Server, failure: BrokenError, deadline: float
) -> None:
    """Raise if a connection came to nothing because only one side speaks TLS."""
    if not _may_explain(settings, server, failure):
        return
    ends = min(deadline, time.monotonic() + _A_MOMENT)
    answer = b""
    with contextlib.suppress(AttemptError, OSError):
        async with asyncio.timeout(ends - time.monotonic()):
            addresses = await look_up_async(server, ends)
            with await connect_async(addresses, ends - time.monotonic()) as sock:
                answer = await _first_byte(sock, _other_greeting(settings))
    _compare(settings, server, answer, failure)


async def _first_byte(sock: socket.socket, greeting: bytes) -> bytes:
    loop = asyncio.get_running_loop()
    await loop.sock_sendall(sock, greeting)
    return await loop.sock_recv(sock, 1)


def _may_explain(settings: Settings, server: Server, failure: BrokenError) -> bool:
    # Who has a silent server would wait for nothing, but for TLS: there it is what Redis does.
    may_be = settings.deployment.tls is not None or not isinstance(failure, SilenceError)
    return may_be and server.path is None and not isinstance(failure, LoginError)


def _other_greeting(settings: Settings) -> bytes:
    """Return what begins a connection with TLS if ours has none, and else one without."""
    if settings.deployment.tls is not None:
        return b"PING\r\n"
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    outgoing = ssl.MemoryBIO()
    began = context.wrap_bio(ssl.MemoryBIO(), outgoing, server_hostname="redis")
    with contextlib.suppress(ssl.SSLWantReadError):
        began.do_handshake()
    return outgoing.read()


def _compare(settings: Settings, server: Server, answer: bytes, failure: BrokenError) -> None:
    wants_tls = settings.deployment.tls is not None
    if wants_tls and answer in _PLAIN:
        raise MisconfiguredError(
            f"{server} speaks no TLS: begin [redis_state] url with redis in place of rediss, or "
            "name the port of TLS."
        ) from failure
    if not wants_tls and answer in _TLS:
        raise MisconfiguredError(
            f"{server} wants TLS: begin [redis_state] url with rediss in place of redis, or name "
            "the port without TLS."
        ) from failure
