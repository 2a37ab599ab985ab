"""Times calls, and adds next to nothing to them: they are put together before the clock starts."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from benchmarks.harness.rounds import Round

Call = Callable[[], object]
AsyncCall = Callable[[], Awaitable[object]]


@dataclass(frozen=True)
class _Share:
    begun: float
    calls: list[float]
    ended: float


def time_calls(calls: Sequence[Call]) -> Round:
    """Make the calls one after the other."""
    share = _work(calls)
    return Round(share.calls, share.ended - share.begun)


def time_threads(pool: ThreadPoolExecutor, shares: Sequence[Sequence[Call]]) -> Round:
    """Make each share of the calls on a thread of its own, all at the same time."""
    begin = threading.Barrier(len(shares))

    def work(calls: Sequence[Call]) -> _Share:
        begin.wait()
        return _work(calls)

    done = list(pool.map(work, shares))
    wall = max(share.ended for share in done) - min(share.begun for share in done)
    return Round([call for share in done for call in share.calls], wall)


async def time_tasks(shares: Sequence[Sequence[AsyncCall]]) -> Round:
    """Make each share of the calls in a task of its own, all at the same time."""
    begin = asyncio.Event()
    tasks = [asyncio.create_task(_work_when(begin, calls)) for calls in shares]
    # All of them are waiting before the clock starts.
    await asyncio.sleep(0)
    begun = time.perf_counter()
    begin.set()
    done = await asyncio.gather(*tasks)
    wall = time.perf_counter() - begun
    return Round([call for share in done for call in share], wall)


def _work(calls: Sequence[Call]) -> _Share:
    times: list[float] = []
    clock, keep = time.perf_counter, times.append
    first = clock()
    for call in calls:
        begun = clock()
        call()
        keep(clock() - begun)
    return _Share(first, times, clock())


async def _work_when(begin: asyncio.Event, calls: Sequence[AsyncCall]) -> list[float]:
    times: list[float] = []
    clock, keep = time.perf_counter, times.append
    await begin.wait()
    for call in calls:
        begun = clock()
        await call()
        keep(clock() - begun)
    return times
