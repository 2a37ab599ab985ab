"""``python -m benchmarks.where_the_time_goes``: a table of the steps of one call on one thread.

Each step does all that the step before it does, and more. They are measured in turns.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from itertools import repeat
from time import monotonic
from typing import Any

import hiredis

from benchmarks.harness import workload
from benchmarks.harness.progress import track
from benchmarks.harness.results import Case
from benchmarks.harness.rounds import Record, turns
from benchmarks.harness.target import Target, open_target
from benchmarks.harness.timing import Call, time_calls
from benchmarks.report.markdown import amount, table, three_digits, with_spread
from redis_state import RedisStateBackend
from redis_state.client.policy import packing

_WARM_UP_ROUNDS = 2
_LARGEST_READ = 65_536
# Longer than any run.
_SECONDS = 3600.0
_SCOPE, _KEY, _VALUE = workload.scope(0), workload.KEYS[0], workload.value(20)
_HEADER = ("step", "one call", "more than the step before")


@dataclass(frozen=True)
class Method:
    """A call of a method, and the same on each layer below it."""

    name: str
    steps: dict[str, Call]


class Socket:
    """A connection that only writes packed commands, and counts replies."""

    def __init__(self, connection: Any, *, sleeps: bool) -> None:
        connection.connect()
        self._socket = connection._sock  # noqa: SLF001
        self._socket.setblocking(sleeps)
        self._reader = hiredis.Reader()

    def exchange(self, payload: bytes, count: int) -> None:
        """Send the bytes, and wait until there are as many replies."""
        self._socket.sendall(payload)
        while count:
            try:
                self._reader.feed(self._socket.recv(_LARGEST_READ))
            except BlockingIOError:
                continue
            while self._reader.gets() is not False:
                count -= 1


def main() -> None:
    """Measure, and print the tables."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.where_the_time_goes")
    parser.add_argument("--url", help="measure this server instead of an embedded one")
    parser.add_argument("--rounds", type=int, default=100)
    parser.add_argument("--calls", type=int, default=100, help="how many calls each round has")
    options = parser.parse_args()
    with open_target(options.url) as target, _open_methods(target) as methods:
        for method in methods:
            print(_as_table(_measure(method, options.rounds, options.calls)), end="\n\n")


@contextmanager
def _open_methods(target: Target) -> Iterator[list[Method]]:
    backend = target.backend()
    backend.set(_SCOPE, _KEY, _VALUE)
    expires_at = workload.deadline()
    get, put = (_SCOPE, _KEY), (_SCOPE, _KEY, _VALUE)
    with target.connect() as asleep, target.connect() as awake:
        sockets = {
            "bare socket, asleep until the reply": Socket(_connection(asleep), sleeps=True),
            "bare socket, awake until the reply": Socket(_connection(awake), sleeps=False),
        }
        yield [
            Method("get", _steps(backend, sockets, "get", get, {})),
            Method("set", _steps(backend, sockets, "set", put, {"expires_at": expires_at})),
        ]
    backend.close()


def _connection(client: Any) -> Any:
    # redis-py's own connection, because it knows of passwords, TLS and unix sockets.
    return client.connection_pool.get_connection()


def _steps(
    backend: RedisStateBackend,
    sockets: dict[str, Socket],
    method: str,
    arguments: tuple[Any, ...],
    more: dict[str, Any],
) -> dict[str, Call]:
    client: Any = backend._client  # noqa: SLF001
    lane = client._routes._node._lane  # noqa: SLF001
    build = getattr(backend._operations, method)  # noqa: SLF001
    operation = build(*arguments, *more.values(), None)
    batch = operation.begin(lane.capabilities)
    payload, count, deadline = packing.pack(batch), len(batch), monotonic() + _SECONDS
    return {
        **{name: partial(each.exchange, payload, count) for name, each in sockets.items()},
        "the link": partial(lane._link.exchange, payload, count, deadline),  # noqa: SLF001
        "the lane": partial(lane.exchange, payload, count, deadline),
        "the client, with a ready operation": partial(client.run, operation),
        f"`{method}`": partial(getattr(backend, method), *arguments, **more),
    }


def _measure(method: Method, rounds: int, calls: int) -> Case:
    record = Record(method.name, list(method.steps))
    for turn in track(method.name, turns(record.contenders, rounds, _WARM_UP_ROUNDS)):
        record.add(turn, time_calls(list(repeat(method.steps[turn.contender], calls))))
    return record.sum_up()


def _as_table(case: Case) -> str:
    rows, before = [], 0.0
    for figure in case.figures:
        time = with_spread(amount(figure.median, "seconds"), figure.spread)
        more = (figure.median - before) * 1e6
        sign = "-" if more < 0 else "+"
        rows.append(
            (figure.contender, time, f"{sign}{three_digits(abs(more))} µs" if before else "")
        )
        before = figure.median
    return table((f"{case.name}: {_HEADER[0]}", *_HEADER[1:]), rows)


if __name__ == "__main__":
    main()
