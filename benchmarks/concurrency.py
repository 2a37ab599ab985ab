"""Reads and writes by many threads, and by many tasks of one event loop."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor

import redis.asyncio

from benchmarks import workload
from benchmarks.contenders import BY_HAND, OURS, AsyncByHand, AsyncStore, Store
from benchmarks.effort import Effort
from benchmarks.progress import track
from benchmarks.rounds import Comparison, Record, Round, mixed_turns
from benchmarks.target import Target
from redis_state import TaskScope

_THREADS = (8, 40)
_TASKS = (10, 100)
_VALUE = workload.value(20)
_EXPIRES_AT = workload.deadline()


def measure_threads(stores: Mapping[str, Store], effort: Effort) -> list[Comparison]:
    """Measure a mixed load at each number of threads."""
    return [_measure_thread_count(count, stores, effort) for count in _THREADS]


async def measure_tasks(target: Target, effort: Effort, *, hsetex: bool) -> list[Comparison]:
    """Measure a mixed load at each number of tasks of this loop."""
    backend = target.backend()
    async with redis.asyncio.Redis.from_url(target.url, protocol=2) as client:
        by_hand = AsyncByHand(client, target.namespace, hsetex=hsetex)
        stores: dict[str, AsyncStore] = {OURS: backend, BY_HAND: by_hand}
        compared = [await _measure_task_count(count, stores, effort) for count in _TASKS]
    await backend.aclose()
    return compared


def _measure_thread_count(count: int, stores: Mapping[str, Store], effort: Effort) -> Comparison:
    record = Record(f"{count} threads")
    with ThreadPoolExecutor(count) as pool:
        for turn in track(record.case, mixed_turns(effort)):
            share = effort.mixed_calls_per_round // count
            record.add(turn, _run_threads(pool, stores[turn.contender], count, share))
    return record.compare()


def _run_threads(pool: ThreadPoolExecutor, store: Store, count: int, share: int) -> Round:
    # The barrier keeps the start of the threads out of the figures.
    begin = threading.Barrier(count + 1)

    def work(number: int) -> list[float]:
        begin.wait()
        return _mixed_calls(store, workload.scope(number), share)

    workers = [pool.submit(work, number) for number in range(count)]
    begin.wait()
    begun = time.perf_counter()
    calls = [call for worker in workers for call in worker.result()]
    return Round(calls, time.perf_counter() - begun)


def _mixed_calls(store: Store, scope: TaskScope, count: int) -> list[float]:
    times = []
    for number in range(count):
        key = workload.KEYS[number // 2 % len(workload.KEYS)]
        begun = time.perf_counter()
        if number % 2:
            store.get(scope, key)
        else:
            store.set(scope, key, _VALUE, expires_at=_EXPIRES_AT)
        times.append(time.perf_counter() - begun)
    return times


async def _measure_task_count(
    count: int, stores: Mapping[str, AsyncStore], effort: Effort
) -> Comparison:
    record = Record(f"{count} tasks")
    for turn in track(record.case, mixed_turns(effort)):
        share = effort.mixed_calls_per_round // count
        record.add(turn, await _run_tasks(stores[turn.contender], count, share))
    return record.compare()


async def _run_tasks(store: AsyncStore, count: int, share: int) -> Round:
    scopes = [workload.scope(number) for number in range(count)]
    begun = time.perf_counter()
    shares = await asyncio.gather(*(_mixed_acalls(store, scope, share) for scope in scopes))
    return Round([call for calls in shares for call in calls], time.perf_counter() - begun)


async def _mixed_acalls(store: AsyncStore, scope: TaskScope, count: int) -> list[float]:
    times = []
    for number in range(count):
        key = workload.KEYS[number // 2 % len(workload.KEYS)]
        begun = time.perf_counter()
        if number % 2:
            await store.aget(scope, key)
        else:
            await store.aset(scope, key, _VALUE, expires_at=_EXPIRES_AT)
        times.append(time.perf_counter() - begun)
    return times
