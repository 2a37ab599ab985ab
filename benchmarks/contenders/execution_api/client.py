"""Tasks as clients of the API server: requests that are made already, on connections kept alive."""

from __future__ import annotations

import asyncio
import gzip
import itertools
import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Self

from benchmarks.harness.rounds import Round

HOST = "127.0.0.1"
_TURN_WITHIN = 300.0
_HEAD_ENDS = b"\r\n\r\n"
_LENGTH = re.compile(rb"\r\ncontent-length: (\d+)", re.IGNORECASE)
_CHUNKED = b"\r\ntransfer-encoding: chunked"
_CHUNKS_END = b"\r\n0\r\n\r\n"
_GZIP = b"\r\ncontent-encoding: gzip"


@dataclass(frozen=True)
class Exchange:
    """A request, and the answer that it must get."""

    request: bytes
    status: int
    body: bytes


class _Connection(asyncio.Protocol):
    """One request at a time: it adds little to the time of the server, on whose CPUs it is."""

    def __init__(self) -> None:
        self._transport: asyncio.Transport | None = None
        self._received = b""
        self._answer: asyncio.Future[bytes] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._received += data
        if _is_whole(self._received) and self._answer is not None:
            received, self._received = self._received, b""
            self._answer.set_result(received)

    def connection_lost(self, error: Exception | None) -> None:
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(error or ConnectionResetError("The API server is gone."))

    def ask(self, request: bytes) -> asyncio.Future[bytes]:
        assert self._transport is not None
        self._answer = asyncio.get_running_loop().create_future()
        self._transport.write(request)
        return self._answer

    def close(self) -> None:
        assert self._transport is not None
        self._transport.close()


class Task:
    """One task: it sends its writes or reads one after the other, and again after the last."""

    def __init__(
        self, connection: _Connection, exchanges: Mapping[str, Sequence[Exchange]]
    ) -> None:
        self._connection = connection
        self._exchanges = exchanges

    @classmethod
    async def connect(cls, port: int, exchanges: Mapping[str, Sequence[Exchange]]) -> Self:
        """Open the task's connection."""
        loop = asyncio.get_running_loop()
        _, connection = await loop.create_connection(_Connection, HOST, port)
        return cls(connection, exchanges)

    async def warm_up(self) -> None:
        """Send each request once, the writes first."""
        for method, exchanges in self._exchanges.items():
            await self.work(method, len(exchanges))

    async def work(self, method: str, count: int) -> list[float]:
        """Send some requests, and return how long each took."""
        exchanges = itertools.islice(itertools.cycle(self._exchanges[method]), count)
        return [await self._exchange(each) for each in exchanges]

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()

    async def _exchange(self, exchange: Exchange) -> float:
        begun = time.perf_counter()
        answer = await self._connection.ask(exchange.request)
        took = time.perf_counter() - begun
        if int(answer[9:12]) != exchange.status or _body(answer) != exchange.body:
            asked = exchange.request.partition(b"\r\n")[0]
            raise RuntimeError(f"The API server answered {asked!r} with {answer!r}")
        return took


async def work_together(tasks: Sequence[Task], method: str, share: int) -> Round:
    """Let all tasks send as many requests at the same time."""
    begun = time.perf_counter()
    async with asyncio.timeout(_TURN_WITHIN):
        shares = await asyncio.gather(*(task.work(method, share) for task in tasks))
    wall = time.perf_counter() - begun
    return Round([call for calls in shares for call in calls], wall)


def _is_whole(answer: bytes) -> bool:
    head, end, body = answer.partition(_HEAD_ENDS)
    if not end:
        return False
    if _CHUNKED in head:
        return answer.endswith(_CHUNKS_END)
    length = _LENGTH.search(head)
    return len(body) == (int(length[1]) if length else 0)


def _body(answer: bytes) -> bytes:
    """Return what was sent; Airflow compresses what it streams, and chunks it."""
    head, _, body = answer.partition(_HEAD_ENDS)
    if _CHUNKED in head:
        body = _joined(body)
    return gzip.decompress(body) if _GZIP in head else body


def _joined(chunks: bytes) -> bytes:
    joined = b""
    while chunks:
        size, _, chunks = chunks.partition(b"\r\n")
        length = int(size, 16)
        joined += chunks[:length]
        chunks = chunks[length + 2 :]
    return joined
