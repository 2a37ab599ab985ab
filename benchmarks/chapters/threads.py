"""Reads and writes by many threads at the same time."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
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
    Store,
    share,
)
from benchmarks.contenders.stores import open_stores
from benchmarks.harness import workload
from benchmarks.harness.progress import track
from benchmarks.harness.results import Case, Chapter
from benchmarks.harness.rounds import Record, turns
from benchmarks.harness.timing import Call, time_threads
from redis_state import TaskScope

_ON_REDIS = (OURS, OURS_POOLED, REDIS_PY, NAIVE, DICT)
_IN_AIRFLOW = (OURS, METASTORE_POSTGRESQL, METASTORE_SQLITE, OBJECT_STORAGE)
_VALUE = workload.value(20)
_EXPIRES_AT = workload.deadline()


@dataclass(frozen=True)
class Load:
    """What each thread does, and whom it is measured with; ``calls`` makes those of one thread."""

    name: str
    contenders: tuple[str, ...]
    thread_counts: tuple[int, ...]
    calls: Callable[[Store, TaskScope, int], list[Call]]


def measure(bench: Bench) -> Chapter:
    """Measure all loads at each number of threads."""
    cases = []
    for load in _loads():
        with open_stores(bench.target, load.contenders, bench.airflow_stores) as stores:
            cases += [_measure(load, count, stores, bench) for count in load.thread_counts]
    sentence = (
        "The wall time of a round by its calls, and how long single calls take. Each thread has "
        "an instance of its own, with 10 keys of 20 B; the mixed load sets with expiry."
    )
    return Chapter("threads", "Many threads", sentence, "seconds", tuple(cases))


def _loads() -> list[Load]:
    return [
        Load("mixed get/set", _ON_REDIS, (1, 8, 40), _mixed),
        Load("get", _IN_AIRFLOW, (1, 8), _get),
        Load("set with expiry", _IN_AIRFLOW, (1, 8), _set),
    ]


def _measure(load: Load, count: int, stores: dict[str, Store], bench: Bench) -> Case:
    record = Record(f"{load.name}, {workload.counted(count, 'thread')}", list(stores))
    effort, scopes = bench.effort, [workload.scope(number) for number in range(count)]
    for store in stores.values():
        _fill(store, scopes)
    with ThreadPoolExecutor(count) as pool:
        rounds = turns(list(stores), effort.mixed_rounds, effort.warm_up_rounds)
        for turn in track(record.case, rounds):
            calls = max(2, share(turn.contender, effort.mixed_calls_per_round) // count)
            store = stores[turn.contender]
            record.add(turn, time_threads(pool, [load.calls(store, it, calls) for it in scopes]))
    return record.sum_up()


def _fill(store: Store, scopes: list[TaskScope]) -> None:
    for scope in scopes:
        for key in workload.KEYS:
            store.set(scope, key, _VALUE, expires_at=_EXPIRES_AT)


def _mixed(store: Store, scope: TaskScope, count: int) -> list[Call]:
    return workload.sets_and_gets(store.set, store.get, scope, count // 2)


def _get(store: Store, scope: TaskScope, count: int) -> list[Call]:
    return [partial(store.get, scope, key) for key in workload.keys(count)]


def _set(store: Store, scope: TaskScope, count: int) -> list[Call]:
    keys = workload.keys(count)
    return [partial(store.set, scope, key, _VALUE, expires_at=_EXPIRES_AT) for key in keys]
