"""The memory that a value takes, beside a string for each value and an index of them."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

import redis

from benchmarks.chapters.bench import Bench
from benchmarks.contenders import OURS, STRING_AND_INDEX
from benchmarks.contenders.layouts import Instance, StringAndIndex
from benchmarks.harness import workload
from benchmarks.harness.effort import Effort
from benchmarks.harness.other_servers import open_others
from benchmarks.harness.progress import track
from benchmarks.harness.results import Case, Chapter, Figure
from benchmarks.harness.target import Target, information, name_of, settle
from redis_state import TaskScope

_VALUES = {"cursor": workload.value(25), "watermark": workload.value(45)}
_INSTANCES_PER_STEP = 1_000
_TASKS_OF_THE_LOOP = 100
_TIDY_AFTER = 0.5
_TIDY_WITHIN = 10.0
_NOISE = 4096


@dataclass(frozen=True)
class Filling:
    """Instances to write, ``count`` of them, each made from its number when it is needed."""

    name: str
    count: int
    scope: Callable[[int], TaskScope]
    expires_at: datetime | None

    def parts(self) -> list[range]:
        """Return the numbers of the instances in steps."""
        starts = range(0, self.count, _INSTANCES_PER_STEP)
        return [range(start, min(self.count, start + _INSTANCES_PER_STEP)) for start in starts]

    def instances(self, part: range) -> list[Instance]:
        """Return the instances of a step."""
        return [(self.scope(number), _VALUES) for number in part]


def measure(bench: Bench) -> Chapter:
    """Measure the server, and beside an embedded one all others that are to be had."""
    effort = bench.effort
    cases = _measure_server(bench.target, _fillings(effort, effort.unmapped_instances))
    if bench.target.is_own and effort.unmapped_instances_on_others:
        for target in open_others():
            cases += _measure_server(target, _fillings(effort, effort.unmapped_instances_on_others))
    sentence = (
        "What one value takes on the server: each instance has two keys, with values of 25 and of "
        "45 bytes. By hand: a string for each value, and a sorted set that lists those of a task."
    )
    return Chapter("memory", "Memory", sentence, "bytes", tuple(cases))


def _fillings(effort: Effort, unmapped: int) -> list[Filling]:
    expires_at, indices = workload.deadline(), effort.indices_of_each
    mapped = f"{effort.tasks_with_indices:,} tasks x {indices:,} map indices x {len(_VALUES)} keys"
    alone = f"{unmapped:,} unmapped task instances x {len(_VALUES)} keys"
    return [
        Filling(f"{alone}, with expiry", unmapped, workload.scope, expires_at),
        Filling(f"{alone}, without expiry", unmapped, workload.scope, None),
        Filling(
            f"{mapped}, with expiry",
            effort.tasks_with_indices * indices,
            lambda number: workload.scope(*divmod(number, indices)),
            expires_at,
        ),
    ]


def _measure_server(target: Target, fillings: Sequence[Filling]) -> list[Case]:
    with target.connect() as client:
        server = name_of(client)
        return [_measure(filling, server, target, client) for filling in fillings]


def _measure(filling: Filling, server: str, target: Target, client: redis.Redis) -> Case:
    name, entries = f"{filling.name}, {server}", filling.count * len(_VALUES)
    target.empty()
    before = _used_memory(client)
    asyncio.run(_fill_ours(filling, f"{name}: {OURS}", target))
    ours = (_used_memory(client) - before) / entries
    target.empty()
    before = _used_memory(client)
    by_hand = StringAndIndex(client, target.namespace)
    for part in track(f"{name}: {STRING_AND_INDEX}", filling.parts()):
        by_hand.write(filling.instances(part), filling.expires_at)
    theirs = (_used_memory(client) - before) / entries
    target.empty()
    return Case(
        name,
        (
            Figure(OURS, ours, 0.0, 1.0, 0.0),
            Figure(STRING_AND_INDEX, theirs, 0.0, theirs / ours, 0.0),
        ),
    )


async def _fill_ours(filling: Filling, label: str, target: Target) -> None:
    backend = target.backend()

    async def write(instances: Iterator[Instance]) -> None:
        for scope, values in instances:
            await backend.aset_many(scope, values, expires_at=filling.expires_at)

    for part in track(label, filling.parts()):
        instances = iter(filling.instances(part))
        await asyncio.gather(*(write(instances) for _ in range(_TASKS_OF_THE_LOOP)))
    await backend.aclose()


def _used_memory(client: redis.Redis) -> int:
    """Return the bytes of all data, once the server has tidied up its tables."""
    settle(client)
    used = _bytes_of_data(client)
    deadline = time.monotonic() + _TIDY_WITHIN
    while time.monotonic() < deadline:
        time.sleep(_TIDY_AFTER)
        before, used = used, _bytes_of_data(client)
        if abs(used - before) < _NOISE:
            break
    return used


def _bytes_of_data(client: redis.Redis) -> int:
    memory = information(client, "memory")
    # The server takes the buffers of connections back when those have been idle for a while.
    return int(memory["used_memory"]) - int(memory["mem_clients_normal"])
