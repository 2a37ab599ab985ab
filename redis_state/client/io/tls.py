"""redis-py's connections with TLS, by a context of ours.

redis-py's own trusts the system's authorities beside those that the options name, reads them all
again for each connection, and asks on the terminal for the password of a key.
"""

from __future__ import annotations

import socket
import ssl
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

import redis.asyncio.connection
import redis.connection

from redis_state.config.tls import context
from redis_state.config.url import Tls
from redis_state.errors import MisconfiguredError


class SyncTlsConnection(redis.connection.SSLConnection):
    """A blocking connection."""

    def __init__(self, **options: Any) -> None:
        self._tls_context = _context_of(options)
        super().__init__(**options)

    def _wrap_socket_with_ssl(self, sock: socket.socket) -> ssl.SSLSocket:
        return self._tls_context.wrap_socket(sock, server_hostname=self.host)


class AsyncTlsConnection(redis.asyncio.connection.SSLConnection):
    """A connection of an event loop."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.ssl_context.context = _context_of(options)

    def _connection_arguments(self) -> Mapping[str, Any]:
        # It connects to an address, and the certificate is that of the host.
        return {**super()._connection_arguments(), "server_hostname": self.host}


def _context_of(options: dict[str, Any]) -> ssl.SSLContext:
    tls = Tls(
        options.get("ssl_ca_certs"),
        options.get("ssl_certfile"),
        options.get("ssl_keyfile"),
        options["ssl_check_hostname"],
    )
    try:
        # Files that were replaced are read again.
        stamps = [
            Path(path).stat().st_mtime_ns if path else 0
            for path in (tls.ca_file, tls.certificate, tls.key)
        ]
    except (OSError, ValueError):
        stamps = []
    try:
        return _context(tls, tuple(stamps))
    except ValueError as error:
        raise MisconfiguredError(f"The url of [redis_state]: {error}.") from None


@lru_cache(maxsize=16)
def _context(tls: Tls, _: tuple[int, ...]) -> ssl.SSLContext:
    return context(tls)
