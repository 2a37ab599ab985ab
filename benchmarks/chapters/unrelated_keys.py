"""Clearing an instance on servers that hold more and more keys of others."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial

import redis

from benchmarks.chapters.bench import Bench
from benchmarks.contenders import NAIVE, OURS, Store
from benchmarks.contenders.stores import open_stores
from benchmarks.harness import workload
from benchmarks.harness.progress import track
from benchmarks.harness.results import Case, Chapter
from benchmarks.harness.rounds import Record, Round, Turn, turns
from benchmarks.harness.target import Target, open_target
from benchmarks.harness.timing import time_calls

_CONTENDERS = (OURS, NAIVE)
_KEYS_PER_COMMAND = 5_000
_CLEARS = 20
_VALUE = workload.value(20)

Stores = dict[str, Store]


def measure(bench: Bench) -> Chapter:
    """Measure the clears beside each number of keys."""
    cases = _on_own_servers(bench) if bench.target.is_own else _on_one_server(bench)
    sentence = (
        "The time to clear an instance of 5 keys of 20 B, on a server that holds other keys too."
    )
    return Chapter(
        "unrelated_keys", "Clear among unrelated keys", sentence, "seconds", tuple(cases)
    )


def _on_own_servers(bench: Bench) -> list[Case]:
    places: dict[int, Stores] = {}
    with ExitStack() as stack:
        for count in bench.effort.unrelated_keys:
            places[count] = {}
            for name in _CONTENDERS:
                # One each: what a long SCAN did to the schedule of a server's process would stay.
                target = stack.enter_context(open_target(None))
                places[count] |= stack.enter_context(_open_place(target, count, [name]))
        return _measure(places, bench)


def _on_one_server(bench: Bench) -> list[Case]:
    cases = []
    for count in bench.effort.unrelated_keys:
        with _open_place(bench.target, count, _CONTENDERS) as stores:
            cases += _measure({count: stores}, bench)
        bench.target.empty()
    return cases


@contextmanager
def _open_place(target: Target, count: int, names: Sequence[str]) -> Iterator[Stores]:
    with target.connect() as client:
        _fill(client, f"{target.namespace}:unrelated", count)
    with open_stores(target, names) as stores:
        yield stores


def _fill(client: redis.Redis, stem: str, count: int) -> None:
    steps = range(0, count, _KEYS_PER_COMMAND)
    for start in track(f"{count:,} unrelated keys", steps):
        part = range(start, min(count, start + _KEYS_PER_COMMAND))
        client.mset({f"{stem}:{number}": number for number in part})


def _measure(places: dict[int, Stores], bench: Bench) -> list[Case]:
    effort = bench.effort
    records = {count: Record(f"clear, {count:,} unrelated keys", _CONTENDERS) for count in places}
    label = f"clear among {', '.join(f'{count:,}' for count in places)} keys"
    for turn in track(label, turns(_CONTENDERS, effort.unrelated_rounds, effort.warm_up_rounds)):
        for count, stores in places.items():
            records[count].add(turn, _clear(stores, turn, count))
    return [record.sum_up() for record in records.values()]


def _clear(stores: Stores, turn: Turn, unrelated: int) -> Round:
    store = stores[turn.contender]
    # Among many keys, one SCAN of all of them says enough.
    clears = 1 if unrelated and turn.contender == NAIVE else _CLEARS
    scopes = [workload.scope(number) for number in range(clears)]
    for scope in scopes:
        for key in workload.KEYS[:5]:
            store.set(scope, key, _VALUE)
    return time_calls([partial(store.clear, scope) for scope in scopes])
