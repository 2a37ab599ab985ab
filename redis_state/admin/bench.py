"""How fast a deployment is from here: our client and an ordinary one, in turns, on the same field.

They take turns of a quarter of a second, so that whatever else goes on meets both alike.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from statistics import median, quantiles
from typing import Any, NamedTuple
from uuid import uuid4

from redis_state.client._sync.client import SyncClient
from redis_state.client.io.bare import bare_client
from redis_state.config.settings import Settings
from redis_state.errors import StateStoreError, UnavailableError
from redis_state.format import envelope, layout
from redis_state.format.codec import Codec
from redis_state.operations.reads import Get
from redis_state.operations.writes import ClearPages, Write
from redis_state.scopes import TaskScope

THREADS = 16
_TURN = 0.25
_VALUE = b'"' + b"x" * 98 + b'"'
# Should nobody be left to remove it.
_KEPT = timedelta(hours=1)
_KEY = "bench"


class Speed(NamedTuple):
    """How fast calls were: in seconds for one, and how many a second."""

    median: float
    p99: float
    rate: float


@dataclass
class Measured:
    """The times of one kind of call, in turns."""

    seconds: list[float] = field(default_factory=list)
    rates: list[float] = field(default_factory=list)

    @property
    def speed(self) -> Speed:
        """Return the median of all calls, that of the slowest hundredth, and the median rate."""
        slowest = quantiles(self.seconds, n=100)[-1] if len(self.seconds) > 1 else self.seconds[0]
        return Speed(median(self.seconds), slowest, median(self.rates))


class Results(NamedTuple):
    """What was measured: ``alone`` one call at a time, ``together`` by many threads."""

    alone: dict[str, Speed]
    together: dict[str, Speed]


def bench(settings: Settings, seconds: float, on_progress: Callable[[int, int], None]) -> Results:
    """Measure for so many seconds."""
    with _field(settings) as calls:
        turns = max(1, round(seconds / 2 / _TURN / len(calls)))
        alone = {name: Measured() for name in calls}
        together = {name: Measured() for name in calls}
        with ThreadPoolExecutor(THREADS) as threads:
            for turn in range(turns):
                for name, call in calls.items():
                    _turn(alone[name], call)
                    _turn_of_many(together[name], call, threads)
                on_progress(turn + 1, turns)
    return Results(
        {name: measured.speed for name, measured in alone.items()},
        {name: measured.speed for name, measured in together.items()},
    )


@contextmanager
def _field(settings: Settings) -> Iterator[dict[str, Callable[[], object]]]:
    """Give calls on a field of its own, which is removed afterwards."""
    place = layout.place(settings.namespace, TaskScope("redis-state", uuid4().hex, "bench"))
    client, codec = SyncClient(settings), Codec(settings)
    bare = None

    def write() -> None:
        client.run(Write(place, {_KEY: _VALUE}, envelope.deadline_after(_KEPT), codec=codec))

    try:
        write()
        bare = _bare(settings, client, place.page)
        name, raw = place.field(_KEY), _VALUE
        yield {
            "get": lambda: client.run(Get(place, _KEY, codec=codec)),
            "redis-py HGET": lambda: bare.hget(place.page, name),
            "set": write,
            "redis-py HSET": lambda: bare.hset(place.page, "bare", raw),
        }
    finally:
        client.run(ClearPages([place.page]))
        client.close()
        if bare is not None:
            bare.close()


def _bare(settings: Settings, client: SyncClient, page: str) -> Any:
    failure: StateStoreError | None = None
    for server in client.servers():
        bare = bare_client(settings, server, THREADS)
        try:
            bare.hget(page, _KEY)
        except Exception as error:  # noqa: BLE001 - whatever redis-py has against it
            # In a cluster, another master has the page.
            failure = UnavailableError(f"An ordinary client cannot read from {server}: {error}.")
            bare.close()
        else:
            return bare
    raise failure or UnavailableError("No server is known.")


def _turn(measured: Measured, call: Callable[[], object]) -> None:
    begun = now = time.perf_counter()
    count = 0
    while now < begun + _TURN:
        before = now
        call()
        now = time.perf_counter()
        measured.seconds.append(now - before)
        count += 1
    measured.rates.append(count / (now - begun))


def _turn_of_many(
    measured: Measured, call: Callable[[], object], threads: ThreadPoolExecutor
) -> None:
    each = [Measured() for _ in range(THREADS)]
    list(threads.map(_turn, each, [call] * THREADS))
    measured.rates.append(sum(one.rates[0] for one in each))
    for one in each:
        measured.seconds += one.seconds
