"""Clearing a whole mapped task: how long it takes, and how long it keeps other clients waiting."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import redis

from benchmarks import workload
from benchmarks.contenders import BY_HAND, OURS
from benchmarks.effort import Effort, MappedTask
from benchmarks.layouts import HashPerIndex, Instance
from benchmarks.pinger import Pinger, open_pinger
from benchmarks.progress import track
from benchmarks.rounds import turns
from benchmarks.target import Target, information, settle
from redis_state import RedisStateBackend

_BEFORE = 0.05
_UNTIL_QUIET = 0.1
_SCOPE = workload.scope(0, map_index=0)


@dataclass(frozen=True)
class Clear:
    """One clear, in seconds: its own time, the server's part of it, and another client's waits."""

    took: float
    on_server: float
    stall: float
    idle: float


@dataclass(frozen=True)
class ClearSummary:
    """The medians of some clears, and the longest wait of all."""

    took: float
    on_server: float
    stall: float
    worst_stall: float
    idle: float
    worst_idle: float


@dataclass(frozen=True)
class ClearComparison:
    """Both layouts at the same mapped task."""

    task: str
    ours: ClearSummary
    by_hand: ClearSummary


@dataclass(frozen=True)
class Layout:
    """A way to keep a mapped task: how to fill it, how to clear it, and which command does it."""

    fill: Callable[[], None]
    clear: Callable[[], None]
    command: str


def measure(target: Target, client: redis.Redis, effort: Effort) -> list[ClearComparison]:
    """Measure the clears of all mapped tasks."""
    with open_pinger(target.url, f"{target.namespace}:ping") as pinger:
        return [_measure_task(task, target, client, pinger) for task in effort.mapped_tasks]


def _measure_task(
    task: MappedTask, target: Target, client: redis.Redis, pinger: Pinger
) -> ClearComparison:
    backend = target.backend()
    layouts = _layouts(task, backend, HashPerIndex(client, target.namespace))
    name = f"{task.indices:,} indices x {task.keys} keys of {task.value_bytes} B"
    clears: dict[str, list[Clear]] = {OURS: [], BY_HAND: []}
    for turn in track(f"clear of {name}", turns(task.repetitions, warm_up_rounds=1)):
        layout = layouts[turn.contender]
        layout.fill()
        measured = _measure_clear(layout, client, pinger)
        if turn.counts:
            clears[turn.contender].append(measured)
    backend.close()
    return ClearComparison(name, _sum_up(clears[OURS]), _sum_up(clears[BY_HAND]))


def _layouts(
    task: MappedTask, backend: RedisStateBackend, by_hand: HashPerIndex
) -> dict[str, Layout]:
    instances, expires_at = _instances(task), workload.deadline()

    def fill_ours() -> None:
        for scope, values in instances:
            backend.set_many(scope, values, expires_at=expires_at)

    return {
        OURS: Layout(fill_ours, lambda: backend.clear(_SCOPE, all_map_indices=True), "unlink"),
        BY_HAND: Layout(
            lambda: by_hand.write(instances, expires_at), lambda: by_hand.clear(_SCOPE), "evalsha"
        ),
    }


def _measure_clear(layout: Layout, client: redis.Redis, pinger: Pinger) -> Clear:
    pinger.begin()
    time.sleep(_BEFORE)
    spent = _spent_on(layout.command, client)
    begun = time.monotonic()
    layout.clear()
    took = time.monotonic() - begun
    spent = _spent_on(layout.command, client) - spent
    settle(client)
    time.sleep(_UNTIL_QUIET)
    idle_begun = time.monotonic()
    time.sleep(took + _BEFORE)
    pings = pinger.end()
    return Clear(
        took,
        spent,
        stall=pings.longest(begun, begun + took),
        idle=pings.longest(idle_begun, idle_begun + took),
    )


def _spent_on(command: str, client: redis.Redis) -> float:
    """Return the seconds that the server has spent on a command since it counts."""
    statistic = information(client, "commandstats").get(f"cmdstat_{command}", {"usec": 0})
    return int(statistic["usec"]) / 1e6


def _instances(task: MappedTask) -> list[Instance]:
    values = dict.fromkeys(workload.KEYS[: task.keys], workload.value(task.value_bytes))
    return [(workload.scope(0, map_index), values) for map_index in range(task.indices)]


def _sum_up(clears: Sequence[Clear]) -> ClearSummary:
    stalls, idles = [each.stall for each in clears], [each.idle for each in clears]
    return ClearSummary(
        took=statistics.median(each.took for each in clears),
        on_server=statistics.median(each.on_server for each in clears),
        stall=statistics.median(stalls),
        worst_stall=max(stalls),
        idle=statistics.median(idles),
        worst_idle=max(idles),
    )
