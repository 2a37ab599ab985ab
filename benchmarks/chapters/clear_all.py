"""Clearing a whole mapped task: how long it takes, and how long it keeps other clients waiting."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import astuple, dataclass

import redis

from benchmarks.chapters.bench import Bench
from benchmarks.contenders import HASH_PER_INDEX, OURS
from benchmarks.contenders.layouts import HashPerIndex, Instance
from benchmarks.harness import workload
from benchmarks.harness.effort import MappedTask
from benchmarks.harness.pinger import Pinger, open_pinger
from benchmarks.harness.progress import track
from benchmarks.harness.results import Case, Chapter
from benchmarks.harness.rounds import Record, Round, turns
from benchmarks.harness.target import information, settle
from redis_state import RedisStateBackend

_CONTENDERS = (OURS, HASH_PER_INDEX)
_CASES = (
    "clear",
    "of it on the server",
    "longest stall of another client",
    "longest wait of another client while nothing is cleared",
)
_BEFORE = 0.05
_UNTIL_QUIET = 0.1
_SCOPE = workload.scope(0, map_index=0)
# The server counts whole ones.
_MICROSECOND = 1e-6


@dataclass(frozen=True)
class Clear:
    """One clear, in seconds: its own time, the server's part of it, and another client's waits."""

    took: float
    on_server: float
    stall: float
    idle: float


@dataclass(frozen=True)
class Layout:
    """A way to keep a mapped task: how to fill it, how to clear it, and which command does it."""

    fill: Callable[[], None]
    clear: Callable[[], None]
    command: str


def measure(bench: Bench) -> Chapter:
    """Measure the clears of all mapped tasks."""
    target = bench.target
    with (
        target.connect() as client,
        open_pinger(target.url, f"{target.namespace}:ping") as pinger,
    ):
        by_hand = HashPerIndex(client, target.namespace)
        cases = [
            case
            for task in bench.effort.mapped_tasks
            for case in _measure_task(task, target.backend(), by_hand, client, pinger)
        ]
    sentence = (
        "How long it takes to clear all map indices of a task, and how long another client waits "
        "for the answer to its HGET meanwhile. By hand: a hash for each map index, and a script "
        "that unlinks what a sorted set lists."
    )
    return Chapter("clear_all", "Clear of a mapped task", sentence, "seconds", tuple(cases))


def _measure_task(
    task: MappedTask,
    backend: RedisStateBackend,
    by_hand: HashPerIndex,
    client: redis.Redis,
    pinger: Pinger,
) -> list[Case]:
    layouts = _layouts(task, backend, by_hand)
    name = f"{task.indices:,} indices x {task.keys} keys of {task.value_bytes} B"
    records = [Record(f"{case}, {name}", _CONTENDERS) for case in _CASES]
    for turn in track(f"clear of {name}", turns(_CONTENDERS, task.repetitions)):
        layout = layouts[turn.contender]
        layout.fill()
        measured = _measure_clear(layout, client, pinger)
        for record, seconds in zip(records, astuple(measured), strict=True):
            record.add(turn, Round([seconds], seconds))
    backend.close()
    return [record.sum_up() for record in records]


def _layouts(
    task: MappedTask, backend: RedisStateBackend, by_hand: HashPerIndex
) -> dict[str, Layout]:
    instances, expires_at = _instances(task), workload.deadline()

    def fill_ours() -> None:
        for scope, values in instances:
            backend.set_many(scope, values, expires_at=expires_at)

    return {
        OURS: Layout(fill_ours, lambda: backend.clear(_SCOPE, all_map_indices=True), "unlink"),
        HASH_PER_INDEX: Layout(
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
        max(spent, _MICROSECOND),
        stall=pings.longest(begun, begun + took),
        idle=pings.longest(idle_begun, idle_begun + took),
    )


def _spent_on(command: str, client: redis.Redis) -> float:
    """Return the seconds that the server has spent on a command since it counts."""
    statistic = information(client, "commandstats").get(f"cmdstat_{command}", {"usec": 0})
    return int(statistic["usec"]) * _MICROSECOND


def _instances(task: MappedTask) -> list[Instance]:
    values = dict.fromkeys(workload.KEYS[: task.keys], workload.value(task.value_bytes))
    return [(workload.scope(0, map_index), values) for map_index in range(task.indices)]
