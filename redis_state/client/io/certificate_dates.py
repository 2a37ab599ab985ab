"""From when to when the certificate of a server is valid, once it was refused for that.

A second handshake asks for it, which checks all but the time; nothing else is sent over it.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
import time

from redis_state.client.io.connecting import connect, connect_async
from redis_state.client.io.lookups import look_up, look_up_async
from redis_state.client.policy.attempts import AttemptError
from redis_state.client.policy.certificates import Validity
from redis_state.config.settings import Settings
from redis_state.config.tls import context
from redis_state.config.url import Server

# Seconds that it may take.
_A_MOMENT = 0.3
# X509_V_FLAG_NO_CHECK_TIME, for which `ssl.VerifyFlags` has no name.
_AT_ANY_TIME = 0x200000
# A ValueError: files of TLS that went since the first handshake.
_UNTOLD = (AttemptError, OSError, ValueError)


def validity(settings: Settings, server: Server, deadline: float) -> Validity | None:
    """Return when it is valid; None where it is not told in a moment."""
    ends = min(deadline, time.monotonic() + _A_MOMENT)
    with contextlib.suppress(*_UNTOLD), connect(look_up(server, ends), ends) as sock:
        sock.settimeout(max(0.001, ends - time.monotonic()))
        with _context(settings).wrap_socket(sock, server_hostname=server.host) as secured:
            return Validity.of(secured.getpeercert())
    return None


async def validity_async(settings: Settings, server: Server, deadline: float) -> Validity | None:
    """Return when it is valid; None where it is not told in a moment."""
    ends = min(deadline, time.monotonic() + _A_MOMENT)
    with contextlib.suppress(*_UNTOLD):
        async with asyncio.timeout(ends - time.monotonic()):
            addresses = await look_up_async(server, ends)
            with await connect_async(addresses, ends - time.monotonic()) as sock:
                return await _shown(sock, _context(settings), server)
    return None


async def _shown(sock: socket.socket, secure: ssl.SSLContext, server: Server) -> Validity | None:
    _, writer = await asyncio.open_connection(sock=sock, ssl=secure, server_hostname=server.host)
    try:
        return Validity.of(writer.get_extra_info("peercert"))
    finally:
        writer.transport.abort()


def _context(settings: Settings) -> ssl.SSLContext:
    assert settings.deployment.tls is not None
    made = context(settings.deployment.tls)
    made.verify_flags |= _AT_ANY_TIME
    return made
