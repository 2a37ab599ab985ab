"""Servers that misbehave in one exact way, and a proxy that ends TLS."""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from hiredis import Reader


@contextmanager
def listener(behave: Callable[[socket.socket], None]) -> Iterator[int]:
    """Serve each connection with ``behave`` on a free port, until the end of the block."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        accepted: list[socket.socket] = []

        def serve(connection: socket.socket) -> None:
            with contextlib.suppress(OSError):
                behave(connection)

        def accept() -> None:
            with contextlib.suppress(OSError):
                while True:
                    connection, _ = server.accept()
                    accepted.append(connection)
                    threading.Thread(target=serve, args=(connection,), daemon=True).start()

        acceptor = threading.Thread(target=accept, daemon=True)
        acceptor.start()
        try:
            yield server.getsockname()[1]
        finally:
            # Closing alone would not wake the thread that accepts.
            server.shutdown(socket.SHUT_RDWR)
            acceptor.join()
            for connection in accepted:
                connection.close()


def mute(connection: socket.socket) -> None:
    """Read everything and never answer."""
    while connection.recv(65_536):
        pass


def trickle(connection: socket.socket) -> None:
    """Answer with a reply that never ends, a byte at a time."""
    connection.recv(65_536)
    connection.sendall(b"$1000\r\n")
    while True:
        connection.sendall(b"x")
        time.sleep(0.05)


def hang_up(connection: socket.socket) -> None:
    """Close the connection as soon as something is asked."""
    connection.recv(65_536)
    connection.close()


def answer(reply: bytes) -> Callable[[socket.socket], None]:
    """Give the same answer to each command, whatever it asks."""

    def behave(connection: socket.socket) -> None:
        commands = Reader(notEnoughData=None)
        while data := connection.recv(65_536):
            commands.feed(data)
            while commands.gets() is not None:
                connection.sendall(reply)

    return behave


@contextmanager
def tls_proxy(port: int, context: ssl.SSLContext) -> Iterator[int]:
    """End TLS in front of a server that has none."""

    def behave(connection: socket.socket) -> None:
        with (
            context.wrap_socket(connection, server_side=True) as inner,
            socket.create_connection(("127.0.0.1", port)) as outer,
        ):
            copying = threading.Thread(target=_copy, args=(outer, inner), daemon=True)
            copying.start()
            _copy(inner, outer)
            copying.join()

    with listener(behave) as proxy_port:
        yield proxy_port


def _copy(source: socket.socket, sink: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(65_536):
            sink.sendall(data)
    with contextlib.suppress(OSError):
        sink.shutdown(socket.SHUT_RDWR)
