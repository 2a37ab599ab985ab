"""HGET on a bare socket: the limit of what a client could reach, and no client at all."""

from __future__ import annotations

import socket
from typing import Any

import hiredis
import redis

from benchmarks.contenders.redis_py import RedisPy, page
from redis_state import TaskScope

_LARGEST_READ = 65_536


class BareSocket(RedisPy):
    """Sends commands that are packed already; only one thread, and no error is looked for.

    All but `get` is redis-py's. There is one packed command for each key: of its latest instance.
    """

    def __init__(self, client: redis.Redis, namespace: str, *, hsetex: bool) -> None:
        super().__init__(client, namespace, hsetex=hsetex)
        self._packed: dict[str, bytes] = {}
        # redis-py connects: it knows of passwords, TLS and unix sockets.
        self._connection: Any = client.connection_pool.get_connection()
        self._socket = _socket_of(self._connection)
        self._reader = hiredis.Reader()

    def get(self, scope: TaskScope, key: str) -> object:  # noqa: ARG002
        """Send the packed HGET, and wait until hiredis has the whole reply."""
        self._socket.sendall(self._packed[key])
        reply = False
        while reply is False:
            self._reader.feed(self._socket.recv(_LARGEST_READ))
            reply = self._reader.gets()
        return reply

    def set(self, scope: TaskScope, key: str, value: str, **expiry: Any) -> object:
        """Write the value, and pack what `get` will send for it."""
        command: Any = ("HGET", page(self._namespace, scope), key)
        self._packed[key] = hiredis.pack_command(command)
        return super().set(scope, key, value, **expiry)

    def close(self) -> None:
        """Give the connection back."""
        self._connection.disconnect()


def _socket_of(connection: Any) -> socket.socket:
    sock: socket.socket = connection._sock  # noqa: SLF001
    # With redis-py's timeout, Python would poll before it sends and before it receives.
    sock.settimeout(None)
    return sock
