"""HTTP over a plain socket: what is sent is bytes, so that broken requests can be sent, too."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Self

import h11

# Only what hangs reaches it.
_PATIENCE = 60.0
_READ_SIZE = 65_536
_PING = b"GET /execution/health/ping HTTP/1.1\r\nHost: airflow\r\n\r\n"
# Refused at once by a server that reads it.
_NO_REQUEST = b"nonsense\r\n\r\n"


@dataclass(frozen=True)
class Answer:
    """What a server said to one request; its headers in lower case, as they came."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes

    def header(self, name: str) -> str | None:
        return dict(self.headers).get(name)


@dataclass(frozen=True)
class Exchange:
    """The answers on one connection, and whether it stayed open behind them."""

    answers: tuple[Answer, ...]
    stayed_open: bool


class Connection:
    """A connection to a server, which can be kept for more than one request."""

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=_PATIENCE)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._rest = b""
        self._is_over = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._socket.close()

    def send(self, data: bytes) -> None:
        self._socket.sendall(data)

    def has_nothing_more(self) -> None:
        """Tell the server that no more will be sent."""
        self._socket.shutdown(socket.SHUT_WR)

    def answer(self, method: str = "GET") -> Answer | None:
        """Read the next answer, or None where the server ends the connection before it."""
        # h11 reads an answer to a request that it has sent.
        parser = h11.Connection(h11.CLIENT)
        method = method if method.isascii() and method.isalpha() else "GET"
        parser.send(h11.Request(method=method, target="/", headers=[("Host", "any")]))
        parser.send(h11.EndOfMessage())
        if self._rest:
            # Nothing at all would be the end.
            parser.receive_data(self._rest)
        head: h11.Response | None = None
        body = bytearray()
        while (event := self._next(parser)) is not None:
            if isinstance(event, h11.InformationalResponse):
                return self._answered(event, b"", parser)
            if isinstance(event, h11.Response):
                head = event
            elif isinstance(event, h11.Data):
                body += event.data
            elif isinstance(event, h11.EndOfMessage):
                assert head is not None
                return self._answered(head, bytes(body), parser)
        return None

    def is_open(self, probe: bytes) -> bool:
        """Tell whether the server still reads from this connection."""
        if self._is_over:
            return False
        try:
            self.send(probe)
            return self.answer() is not None
        except OSError:
            return False

    def ends(self) -> bool:
        """Wait until the server ends the connection, and tell whether it has."""
        try:
            while not self._is_over:
                self._receive()
        except TimeoutError:
            return False
        return True

    def _answered(
        self, head: h11.Response | h11.InformationalResponse, body: bytes, parser: h11.Connection
    ) -> Answer:
        self._rest = parser.trailing_data[0]
        headers = tuple((name.decode(), value.decode("latin-1")) for name, value in head.headers)
        return Answer(head.status_code, headers, body)

    def _next(self, parser: h11.Connection) -> object:
        while True:
            try:
                event = parser.next_event()
            except h11.RemoteProtocolError:
                # The end, and no answer before it.
                return None
            if event is h11.NEED_DATA:
                parser.receive_data(self._receive())
            else:
                return None if isinstance(event, h11.ConnectionClosed) else event

    def _receive(self) -> bytes:
        try:
            data = self._socket.recv(_READ_SIZE)
        except ConnectionResetError:
            data = b""
        self._is_over = not data
        return data


def exchange(port: int, sent: Sequence[bytes], methods: Sequence[str]) -> Exchange:
    """Send some bytes, and read an answer for each method; after them, nothing more is sent.

    Without a method there is nothing to wait for: the client is gone once it has sent all.
    """
    with Connection(port) as connection:
        # The server may have ended it after the first of them.
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            for each in sent:
                connection.send(each)
        answers = []
        for method in methods:
            answer = connection.answer(method)
            if answer is None:
                break
            answers.append(answer)
        if answers and answers[-1].header("connection") == "close":
            # It may end a moment after the answer, and would still read a probe until then.
            return Exchange(tuple(answers), stayed_open=not connection.ends())
        return Exchange(tuple(answers), bool(methods) and connection.is_open(_probe(answers)))


def _probe(answers: Sequence[Answer]) -> bytes:
    # Behind a mere "continue" an answer is still to come, and behind an error perhaps the end.
    are_over = all(
        HTTPStatus.OK <= answer.status < HTTPStatus.INTERNAL_SERVER_ERROR for answer in answers
    )
    return _NO_REQUEST if are_over else _PING
