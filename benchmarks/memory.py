"""The memory that a value takes, beside a string for each value and an index of them."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import redis

from benchmarks import workload
from benchmarks.effort import Effort
from benchmarks.layouts import Instance, StringPerEntry
from benchmarks.progress import track
from benchmarks.target import Target, information, settle

_VALUES = {"cursor": workload.value(25), "watermark": workload.value(45)}
_INSTANCES_PER_STEP = 500
_TIDY_AFTER = 0.5
_TIDY_WITHIN = 10.0
_NOISE = 4096


@dataclass(frozen=True)
class Footprint:
    """The bytes that the server needed for each entry."""

    case: str
    entries: int
    ours: float
    by_hand: float


def measure(target: Target, client: redis.Redis, effort: Effort) -> list[Footprint]:
    """Measure tasks that are not mapped, and the indices of mapped ones."""
    unmapped = [workload.scope(number) for number in range(effort.unmapped_instances)]
    mapped = [
        workload.scope(number, map_index)
        for number in range(effort.tasks_with_indices)
        for map_index in range(effort.indices_of_each)
    ]
    cases = {
        f"{len(unmapped):,} instances not mapped": unmapped,
        f"{effort.tasks_with_indices} tasks of {effort.indices_of_each:,} map indices": mapped,
    }
    return [
        _measure_case(case, [(scope, _VALUES) for scope in scopes], target, client)
        for case, scopes in cases.items()
    ]


def _measure_case(
    case: str, instances: list[Instance], target: Target, client: redis.Redis
) -> Footprint:
    backend = target.backend()
    by_hand = StringPerEntry(client, target.namespace)
    expires_at = workload.deadline()

    def write_ours(part: list[Instance]) -> None:
        for scope, values in part:
            backend.set_many(scope, values, expires_at=expires_at)

    def write_by_hand(part: list[Instance]) -> None:
        by_hand.write(part, expires_at)

    entries = len(instances) * len(_VALUES)
    used = [
        _used_by(write, f"memory of {case}, {name}", instances, target, client)
        for name, write in (("redis-state", write_ours), ("string + index", write_by_hand))
    ]
    backend.close()
    return Footprint(case, entries, used[0] / entries, used[1] / entries)


def _used_by(
    write: Callable[[list[Instance]], None],
    label: str,
    instances: list[Instance],
    target: Target,
    client: redis.Redis,
) -> int:
    target.empty()
    before = _used_memory(client)
    for part in track(label, list(_parts(instances))):
        write(part)
    used = _used_memory(client) - before
    target.empty()
    return used


def _parts(instances: list[Instance]) -> Iterator[list[Instance]]:
    for start in range(0, len(instances), _INSTANCES_PER_STEP):
        yield instances[start : start + _INSTANCES_PER_STEP]


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
