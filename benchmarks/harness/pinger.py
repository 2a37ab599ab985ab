"""Another client of the same server, in a process of its own, that notices when it has to wait."""

from __future__ import annotations

import contextlib
import multiprocessing
import time
from array import array
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from multiprocessing.connection import Connection
from multiprocessing.synchronize import Event

import redis

_STARTS_WITHIN = 30.0


@dataclass(frozen=True)
class Pings:
    """When each ping of a tight loop was answered, on the clock of `time.monotonic`."""

    answered: array[float]

    def longest(self, begun: float, ended: float) -> float:
        """Return the longest wait for an answer that fell into a window, at least in part."""
        waits = pairwise(self.answered)
        return max(last - first for first, last in waits if first < ended and last > begun)


class Pinger:
    """The process that pings, as its parent sees it."""

    def __init__(self, connection: Connection, pinging: Event) -> None:
        self._connection = connection
        self._pinging = pinging

    def begin(self) -> None:
        """Return when the loop runs."""
        self._pinging.set()
        self._connection.send("begin")
        self._connection.recv()

    def end(self) -> Pings:
        """Stop the loop and return what it has seen."""
        self._pinging.clear()
        pings: Pings = self._connection.recv()
        return pings


@contextlib.contextmanager
def open_pinger(url: str, page: str) -> Iterator[Pinger]:
    """Start a process that reads a field of ``page`` whenever it is told to."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    pinging = context.Event()
    process = context.Process(target=_serve, args=(url, page, theirs, pinging), daemon=True)
    process.start()
    # Only the process itself may hold its end: the pipe then breaks when the process does.
    theirs.close()
    try:
        if not ours.poll(_STARTS_WITHIN):
            raise RuntimeError("The process that pings did not start.")
        ours.recv()
        yield Pinger(ours, pinging)
    finally:
        pinging.clear()
        ours.close()
        process.join(_STARTS_WITHIN)


def _serve(url: str, page: str, connection: Connection, pinging: Event) -> None:
    with redis.Redis.from_url(url, protocol=2) as client, contextlib.suppress(EOFError):
        client.hset(page, "field", "value")
        connection.send("ready")
        while connection.recv():
            connection.send("begun")
            connection.send(_ping(client, page, pinging))


def _ping(client: redis.Redis, page: str, pinging: Event) -> Pings:
    answered = array("d")
    while pinging.is_set():
        client.hget(page, "field")
        answered.append(time.monotonic())
    return Pings(answered)
