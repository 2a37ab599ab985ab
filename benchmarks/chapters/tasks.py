"""Reads and writes by many tasks of one event loop at the same time."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from functools import partial

import redis.asyncio

from benchmarks.chapters.bench import Bench
from benchmarks.contenders import OURS, OURS_POOLED, REDIS_PY, AsyncStore
from benchmarks.contenders.redis_py import AsyncRedisPy
from benchmarks.harness import workload
from benchmarks.harness.progress import track
from benchmarks.harness.results import Case, Chapter
from benchmarks.harness.rounds import Record, turns
from benchmarks.harness.target import Target, has_hsetex
from benchmarks.harness.timing import time_tasks

_TASK_COUNTS = (1, 10, 100, 1_000)
_FEWEST_CALLS = 4


def measure(bench: Bench) -> Chapter:
    """Measure a mixed load at each number of tasks."""
    sentence = (
        "The wall time of a round by its calls, and how long single calls take. Each task has an "
        "instance of its own, with 10 keys of 20 B, and half of its calls set with expiry."
    )
    cases = asyncio.run(_measure_all(bench))
    return Chapter("tasks", "Many tasks of one event loop", sentence, "seconds", cases)


async def _measure_all(bench: Bench) -> tuple[Case, ...]:
    async with _open_stores(bench.target) as stores:
        return tuple([await _measure(count, stores, bench) for count in _TASK_COUNTS])


async def _measure(count: int, stores: dict[str, AsyncStore], bench: Bench) -> Case:
    record = Record(f"mixed get/set, {workload.counted(count, 'task')}", list(stores))
    effort, scopes = bench.effort, [workload.scope(number) for number in range(count)]
    share = max(_FEWEST_CALLS, effort.mixed_calls_per_round // count)
    rounds = turns(list(stores), effort.mixed_rounds, effort.warm_up_rounds)
    for turn in track(record.case, rounds):
        store = stores[turn.contender]
        calls = partial(workload.sets_and_gets, store.aset, store.aget, pairs=share // 2)
        record.add(turn, await time_tasks([calls(scope) for scope in scopes]))
    return record.sum_up()


@contextlib.asynccontextmanager
async def _open_stores(target: Target) -> AsyncIterator[dict[str, AsyncStore]]:
    ours, pooled = target.backend(), target.backend(fast_lane=False)
    with target.connect() as client:
        hsetex = has_hsetex(client)
    # One connection for each task: with the 100 of its default, calls of more tasks would fail.
    connections = _TASK_COUNTS[-1]
    by_hand = redis.asyncio.Redis.from_url(target.url, max_connections=connections, protocol=2)
    async with by_hand as clients:
        yield {
            OURS: ours,
            OURS_POOLED: pooled,
            REDIS_PY: AsyncRedisPy(clients, target.namespace, hsetex=hsetex),
        }
    await ours.aclose()
    await pooled.aclose()
