"""Run as a program by `benchmarks.compare`: one checkout's part of one round, printed as JSON.

The library may be that of any checkout, so only its public names are used.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import redis_state
from benchmarks.harness import workload
from benchmarks.harness.rounds import Round
from benchmarks.harness.timing import time_calls, time_tasks, time_threads

_CHUNKS = 10
_THREADS = 40
_TASKS = 100
_SCOPES = [workload.scope(number) for number in range(_TASKS)]


class Chunks:
    """The chunks of one case: the wall time of a call in each, and its CPU time."""

    def __init__(self) -> None:
        self._walls: list[float] = []
        self._cpus: list[float] = []
        self._begun = 0.0

    def begin(self) -> None:
        """Note the CPU time of the process before a chunk."""
        self._begun = time.process_time()

    def end(self, chunk: Round) -> None:
        """Keep a chunk."""
        self._cpus.append((time.process_time() - self._begun) / len(chunk.calls))
        self._walls.append(chunk.per_call)

    def best(self) -> tuple[float, float]:
        """Return the least of both: what disturbs a chunk only makes it longer."""
        return min(self._walls), min(self._cpus)


def main() -> None:
    """Measure all cases."""
    url, namespace, calls = sys.argv[1:]
    first = Chunks()
    first.begin()
    begun = time.perf_counter()
    # The library imports what it needs when its names are first used.
    backend = redis_state.RedisStateBackend(url=url, namespace=namespace)
    backend.get(_SCOPES[0], workload.KEYS[0])
    took = time.perf_counter() - begun
    first.end(Round([took], took))
    cases = {"import and first get": first, **_measure_sync(backend, int(calls))}
    backend.close()
    cases |= asyncio.run(_measure_async(url, namespace, int(calls)))
    print(json.dumps({name: chunks.best() for name, chunks in cases.items()}))


def _measure_sync(backend: redis_state.RedisStateBackend, count: int) -> dict[str, Chunks]:
    cases = {name: Chunks() for name in ("set with expiry", "get", f"{_THREADS} threads")}
    puts, gets, together = cases.values()
    calls = partial(workload.sets_and_gets, backend.set, backend.get)
    with ThreadPoolExecutor(_THREADS) as pool:
        for _ in range(_CHUNKS):
            alone = calls(_SCOPES[0], count)
            shares = [calls(scope, count // _THREADS) for scope in _SCOPES[:_THREADS]]
            puts.begin()
            puts.end(time_calls(alone[::2]))
            gets.begin()
            gets.end(time_calls(alone[1::2]))
            together.begin()
            together.end(time_threads(pool, shares))
    return cases


async def _measure_async(url: str, namespace: str, count: int) -> dict[str, Chunks]:
    backend = redis_state.RedisStateBackend(url=url, namespace=namespace)
    await backend.aget(_SCOPES[0], workload.KEYS[0])
    together = Chunks()
    calls = partial(workload.sets_and_gets, backend.aset, backend.aget)
    for _ in range(_CHUNKS):
        shares = [calls(scope, max(1, 2 * count // _TASKS)) for scope in _SCOPES]
        together.begin()
        together.end(await time_tasks(shares))
    await backend.aclose()
    return {f"{_TASKS} tasks": together}


if __name__ == "__main__":
    main()
