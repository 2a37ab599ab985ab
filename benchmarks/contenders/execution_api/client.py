"""Tasks as clients of the API server: requests that are made already, on connections kept alive."""

from __future__ import annotations

import asyncio
import itertools
import re
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Self

from benchmarks.harness.rounds import Round

HOST = "127.0.0.1"
_TURN_WITHIN = 300.0
_HEAD_ENDS = b"\r\n\r\n"
_LENGTH = re.compile(rb"content-length: (\d+)", re.IGNORECASE)


@dataclass(frozen=True)
class Exchange:
    """A request, and the answer that it must get."""

    request: bytes
    status: int
    body: bytes


class Task:
    """One task: it sends its requests one after the other, and begins anew after the last."""

    def __init__(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        exchanges: Sequence[Exchange],
    ) -> None:
        self._reader = reader
        self._writer = writer
        self._exchanges = exchanges
        self._next: Iterator[Exchange] = itertools.cycle(exchanges)

    @classmethod
    async def connect(cls, port: int, exchanges: Sequence[Exchange]) -> Self:
        """Open the task's connection."""
        return cls(*await asyncio.open_connection(HOST, port), exchanges)

    async def warm_up(self, *, then_read: bool) -> None:
        """Send each request once; after that, the next one is a write or a read."""
        await self.work(len(self._exchanges) + then_read)

    async def work(self, count: int) -> list[float]:
        """Send some requests, and return how long each took."""
        return [await self._exchange(next(self._next)) for _ in range(count)]

    async def close(self) -> None:
        """Close the connection."""
        self._writer.close()
        await self._writer.wait_closed()

    async def _exchange(self, exchange: Exchange) -> float:
        begun = time.perf_counter()
        self._writer.write(exchange.request)
        head = await self._reader.readuntil(_HEAD_ENDS)
        length = _LENGTH.search(head)
        body = await self._reader.readexactly(int(length[1])) if length else b""
        took = time.perf_counter() - begun
        if int(head[9:12]) != exchange.status or body != exchange.body:
            asked = exchange.request.partition(b"\r\n")[0]
            raise RuntimeError(f"The API server answered {asked!r} with {head + body!r}")
        return took


async def work_together(tasks: Sequence[Task], requests: int) -> Round:
    """Let the tasks share a number of requests; each reads as often as it writes."""
    share = 2 * max(1, round(requests / len(tasks) / 2))
    begun = time.perf_counter()
    async with asyncio.timeout(_TURN_WITHIN):
        shares = await asyncio.gather(*(task.work(share) for task in tasks))
    wall = time.perf_counter() - begun
    return Round([call for calls in shares for call in calls], wall)
