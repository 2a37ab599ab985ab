"""Each method, on one thread."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial

from benchmarks.chapters.bench import Bench
from benchmarks.contenders import (
    DICT,
    METASTORE_POSTGRESQL,
    METASTORE_SQLITE,
    NAIVE,
    OBJECT_STORAGE,
    OURS,
    OURS_POOLED,
    REDIS_PY,
    WIRE,
    Store,
    share,
)
from benchmarks.contenders.stores import open_stores
from benchmarks.harness import workload
from benchmarks.harness.progress import track
from benchmarks.harness.results import Case, Chapter
from benchmarks.harness.rounds import Record, turns
from benchmarks.harness.timing import Call, time_calls

_ALL = (
    OURS,
    OURS_POOLED,
    REDIS_PY,
    NAIVE,
    METASTORE_POSTGRESQL,
    METASTORE_SQLITE,
    OBJECT_STORAGE,
    DICT,
)
_SMALL = workload.value(20)
_KEYS_OF_AN_INSTANCE = workload.KEYS[:5]


@dataclass(frozen=True)
class Method:
    """A method to measure; ``calls`` writes what they need, and returns as many as are wanted."""

    name: str
    calls: Callable[[Store, int], list[Call]]
    on_the_wire: bool = False


def measure(bench: Bench) -> Chapter:
    """Measure all methods."""
    with open_stores(bench.target, (*_ALL, WIRE), bench.airflow_stores) as stores:
        cases = tuple(_measure_method(method, stores, bench) for method in _methods())
    sentence = (
        "The time of one call while nothing else runs. An instance has 10 keys, or 5 where it is "
        "cleared."
    )
    return Chapter("one_thread", "One thread", sentence, "seconds", cases)


def _measure_method(method: Method, stores: dict[str, Store], bench: Bench) -> Case:
    effort = bench.effort
    contenders = [name for name in stores if name != WIRE or method.on_the_wire]
    record = Record(method.name, contenders)
    for turn in track(method.name, turns(contenders, effort.rounds, effort.warm_up_rounds)):
        count = share(turn.contender, effort.calls_per_round)
        record.add(turn, time_calls(method.calls(stores[turn.contender], count)))
    return record.sum_up()


def _methods() -> Iterator[Method]:
    sizes = {size: workload.value(count) for size, count in workload.SIZES.items()}
    for size, value in sizes.items():
        yield Method(f"get, {size}", partial(_get, value), on_the_wire=size != "64 KiB")
    yield Method("set permanent, 20 B", partial(_set, _SMALL, None))
    expires_at = workload.deadline()
    for size, value in sizes.items():
        yield Method(f"set with expiry, {size}", partial(_set, value, expires_at))
    yield Method("delete, 20 B", _delete)
    yield Method("clear, 5 keys of 20 B", _clear)


def _get(value: str, store: Store, count: int) -> list[Call]:
    scope = workload.scope(0)
    _fill(store, workload.KEYS, value)
    return [partial(store.get, scope, key) for key in workload.keys(count)]


def _set(value: str, expires_at: datetime | None, store: Store, count: int) -> list[Call]:
    scope = workload.scope(0)
    _fill(store, workload.KEYS, value)
    keys = workload.keys(count)
    return [partial(store.set, scope, key, value, expires_at=expires_at) for key in keys]


def _delete(store: Store, count: int) -> list[Call]:
    scope = workload.scope(0)
    keys = [f"key_{number}" for number in range(count)]
    _fill(store, keys, _SMALL)
    return [partial(store.delete, scope, key) for key in keys]


def _clear(store: Store, count: int) -> list[Call]:
    scopes = [workload.scope(number) for number in range(count)]
    for scope in scopes:
        for key in _KEYS_OF_AN_INSTANCE:
            store.set(scope, key, _SMALL)
    return [partial(store.clear, scope) for scope in scopes]


def _fill(store: Store, keys: Sequence[str], value: str) -> None:
    store.clear(workload.scope(0))
    for key in keys:
        store.set(workload.scope(0), key, value)
