"""``python -m benchmarks.distant``: which calls fail at a server far away, and how slow they are.

Each cell of the table is a backend that has not connected yet, and a crowd of threads or tasks that
begin at once and make a few calls each, through a wire of that round trip. The wire is a process on
the same machine, so what it can carry is measured first: where a crowd's values need more than the
budget, no client can help, and the cell is not tried; nor is one of more than 1 GB at once.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import socket
import statistics
import threading
import time
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from benchmarks.harness.delayed_wire import delayed_wire
from benchmarks.report.markdown import table
from redis_state import RedisStateBackend, StateStoreError, TaskScope
from redis_state.client.policy import packing
from redis_state.testing import EmbeddedServer

BUDGET = 2.5
# Of a pool, by default.
_CONNECTIONS = 40
_CALLS_OF_EACH = 5
_READ_SIZE = 65_536
# Bytes; callers, wire and server hold all of them at once, each by itself, on one machine.
_MOST_AT_ONCE = 1_000_000_000
_SIZES = {"10 B": 10, "1 kB": 1_000, "60 kB": 60_000, "1 MB": 1_000_000}
_METHODS = ("set", "get")
_HEADER = ("round trip", "callers", *(f"{method} {size}" for size in _SIZES for method in _METHODS))


@dataclass(frozen=True)
class Crowd:
    """Callers that begin at once, and make so many calls each."""

    callers: int
    calls: int
    is_async: bool = False

    def __str__(self) -> str:
        kind = "task" if self.is_async else "thread"
        return f"{self.callers:,} {kind}{'s' * (self.callers > 1)}"


_CROWDS = (Crowd(1, 10), Crowd(40, 10), Crowd(200, 10), Crowd(2_000, 2, is_async=True))
_ROUND_TRIPS = (0.001, 0.02, 0.05, 0.1)


@dataclass
class Outcome:
    """What became of the calls of a cell."""

    errors: list[StateStoreError] = field(default_factory=list)
    slowest: float = 0.0
    calls: int = 0

    @contextmanager
    def of_a_call(self) -> Iterator[None]:
        """Note how a call ends, and when."""
        began = time.perf_counter()
        try:
            yield
        except StateStoreError as error:
            self.errors.append(error)
        self.calls += 1
        self.slowest = max(self.slowest, time.perf_counter() - began)

    def __str__(self) -> str:
        return f"{len(self.errors):,} / {self.calls:,}, {self.slowest:.2f} s"


def main() -> None:
    """Measure, and print the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.distant")
    parser.add_argument("--quick", action="store_true", help="50 ms only, and fewer calls")
    parser.add_argument("--why", action="store_true", help="print an error of each cell with any")
    parser.add_argument("--round-trip", type=float, action="append", help="in ms; repeatable")
    parser.add_argument("--callers", type=int, action="append", help="of these only; repeatable")
    options = parser.parse_args()
    trips = tuple(each / 1000 for each in options.round_trip or ()) or _ROUND_TRIPS
    crowds = [each for each in _CROWDS if each.callers in (options.callers or [each.callers])]
    if options.quick:
        trips = (0.05,)
        crowds = [Crowd(each.callers, min(each.calls, 3), each.is_async) for each in crowds]
    with ExitStack() as stack:
        server = stack.enter_context(EmbeddedServer())
        capacity = {method: _capacity(server.socket_path, method) for method in _METHODS}
        rows = []
        for trip in trips:
            wire_to = stack.enter_context(delayed_wire(server.socket_path, trip))
            urls = (server.url, f"redis://127.0.0.1:{wire_to}")
            rows += [_row(urls, trip, crowd, capacity, why=options.why) for crowd in crowds]
    print(table(_HEADER, rows, words=2))
    told = ", ".join(f"{method} {each / 1e6:,.0f} MB/s" for method, each in capacity.items())
    print(f"\nThe wire carries: {told}. A cell that needs more than {BUDGET} s is not tried.")


def _row(
    urls: tuple[str, str], trip: float, crowd: Crowd, capacity: dict[str, float], *, why: bool
) -> tuple[str, ...]:
    cells = []
    for size, method in itertools.product(_SIZES.values(), _METHODS):
        # A call may have to wait for one round trip that is under way before its own.
        needed = crowd.callers * size / capacity[method] + 2 * trip
        if needed > BUDGET:
            cells.append(f"needs {needed:.1f} s")
            continue
        if crowd.callers * size > _MOST_AT_ONCE:
            cells.append(f"{crowd.callers * size / 1e9:g} GB at once")
            continue
        outcome = _measure(urls, crowd, method, size)
        cells.append(str(outcome))
        if why and outcome.errors:
            print(f"{trip} {crowd} {method} {size}: {outcome}: {outcome.errors[-1]}", flush=True)
    return (f"{trip * 1000:g} ms", str(crowd), *cells)


def _capacity(server: Path, method: str) -> float:
    """Return how many bytes a second plain sockets bring through a wire without delay.

    As many threads at once as a pool has connections, each with a value of 1 MB to send or to get.
    """
    size = _SIZES["1 MB"]
    put, get = packing.pack([("SET", "capacity", "x" * size)]), packing.pack([("GET", "capacity")])
    request, reply = (put, b"+OK\r\n") if method == "set" else (get, b"$%d\r\n" % size)
    expected = len(reply) + (0 if method == "set" else size + 2)

    def exchange(connection: socket.socket) -> None:
        for _ in range(_CALLS_OF_EACH):
            connection.sendall(request)
            pieces, left = [], expected
            while left:
                pieces.append(connection.recv(min(left, _READ_SIZE)))
                left -= len(pieces[-1])
            b"".join(pieces).decode()

    with delayed_wire(server, 0.0) as end, ExitStack() as stack:
        sockets = [
            stack.enter_context(closing(socket.create_connection(("127.0.0.1", end))))
            for _ in range(_CONNECTIONS)
        ]
        sockets[0].sendall(put)
        assert sockets[0].recv(100) == b"+OK\r\n"
        rates = []
        with ThreadPoolExecutor(len(sockets)) as threads:
            for _ in range(3):
                began = time.perf_counter()
                list(threads.map(exchange, sockets))
                carried = _CONNECTIONS * _CALLS_OF_EACH * size
                rates.append(carried / (time.perf_counter() - began))
    return statistics.median(rates)


def _measure(urls: tuple[str, str], crowd: Crowd, method: str, size: int) -> Outcome:
    near, far = urls
    value, outcome = "x" * size, Outcome()
    scopes = [TaskScope("dag", "run", "task", number) for number in range(crowd.callers)]
    if method == "get":
        with closing(RedisStateBackend(url=near)) as filling:
            for scope in scopes:
                filling.set(scope, "key", value)
    arguments = {"key": "key", "value": value} if method == "set" else {"key": "key"}
    backend = RedisStateBackend(url=far, budget=BUDGET)
    if crowd.is_async:
        call = partial(getattr(backend, f"a{method}"), **arguments)
        asyncio.run(_in_tasks(call, scopes, crowd.calls, outcome, backend.aclose))
    else:
        call = partial(getattr(backend, method), **arguments)
        _in_threads(call, scopes, crowd.calls, outcome)
        backend.close()
    return outcome


def _in_threads(
    call: Callable[[TaskScope], object], scopes: list[TaskScope], calls: int, outcome: Outcome
) -> None:
    ready = threading.Barrier(len(scopes))

    def work(scope: TaskScope) -> None:
        ready.wait()
        for _ in range(calls):
            with outcome.of_a_call():
                call(scope)

    with ThreadPoolExecutor(len(scopes)) as threads:
        list(threads.map(work, scopes))


async def _in_tasks(
    call: Callable[[TaskScope], Awaitable[object]],
    scopes: list[TaskScope],
    calls: int,
    outcome: Outcome,
    close: Callable[[], Awaitable[None]],
) -> None:
    async def work(scope: TaskScope) -> None:
        for _ in range(calls):
            with outcome.of_a_call():
                await call(scope)

    await asyncio.gather(*(work(scope) for scope in scopes))
    await close()


if __name__ == "__main__":
    main()
