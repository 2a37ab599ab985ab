"""Servers that misbehave in one exact way, and a proxy that ends TLS."""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from hiredis import ProtocolError, Reader

from redis_state.format import envelope

Command = list[bytes]


@contextmanager
def listener(behave: Callable[[socket.socket], None], host: str = "127.0.0.1") -> Iterator[int]:
    """Serve each connection with ``behave`` on a free port, until the end of the block."""
    with socket.create_server((host, 0)) as server:
        accepted: list[socket.socket] = []

        def serve(connection: socket.socket) -> None:
            # Once refused, a client looks whether TLS is spoken here.
            with contextlib.suppress(OSError, ProtocolError):
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


class Parrot:
    """Answers each read of a field with the field's name, and waits where it is told to.

    ``together`` is what arrived: the commands of each recv(), whatever connection they came by.
    Before each answer it sends what ``unasked`` is, and nothing else that nobody had asked for.
    """

    def __init__(self, unasked: bytes = b"") -> None:
        self.together: list[list[Command]] = []
        self.connections = 0
        self._unasked = unasked
        self._held: tuple[bytes, ...] = ()
        self._go = threading.Event()

    def __call__(self, connection: socket.socket) -> None:
        self.connections += 1
        commands = Reader(notEnoughData=None)
        while data := connection.recv(1_048_576):
            commands.feed(data)
            arrived = list(iter(commands.gets, None))
            self.together.append(arrived)
            if any(command[0] in self._held for command in arrived):
                self._go.wait()
            connection.sendall(b"".join(self._unasked + _parroted(each) for each in arrived))

    def reads(self) -> list[list[bytes]]:
        """Return the fields that were read, those of each recv() with any together."""
        fields = [[each[2] for each in arrived if each[0] == b"HGET"] for arrived in self.together]
        return [some for some in fields if some]

    @contextmanager
    def holding(self, *commands: bytes) -> Iterator[None]:
        """Answer no connection from one of these commands on, until the end of the block."""
        before, self._held = self._held, commands
        try:
            yield
        finally:
            self._held = before
            go, self._go = self._go, threading.Event()
            go.set()


def _parroted(command: Command) -> bytes:
    name = command[0]
    if name == b"HGET":
        encoded = envelope.encode(command[2], envelope.now(), envelope.NEVER)
        return b"$%d\r\n%b\r\n" % (len(encoded), encoded)
    # What the server can do: two commands that it knows.
    return b"*2\r\n*1\r\n:1\r\n*1\r\n:1\r\n" if name == b"COMMAND" else b":0\r\n"


@contextmanager
def cutting_proxy(port: int, replies: int) -> Iterator[int]:
    """Stand before a server, and cut each connection within the reply after so many."""

    def behave(connection: socket.socket) -> None:
        with connection, socket.create_connection(("127.0.0.1", port)) as server:
            copying = threading.Thread(target=_copy, args=(connection, server), daemon=True)
            copying.start()
            _copy_replies(server, connection, replies)
            server.shutdown(socket.SHUT_RDWR)
            connection.shutdown(socket.SHUT_RDWR)
            copying.join()

    with listener(behave) as proxy_port:
        yield proxy_port


def _copy_replies(source: socket.socket, sink: socket.socket, left: int) -> None:
    incomplete = object()
    reader = Reader(notEnoughData=incomplete)
    while data := source.recv(65_536):
        for end in range(1, len(data) + 1):
            reader.feed(data[end - 1 : end])
            if reader.gets() is not incomplete:
                left -= 1
            if left == 0:
                # A byte of the next one, if that is here.
                sink.sendall(data[: end + 1])
                return
        sink.sendall(data)


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
