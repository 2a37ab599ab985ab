"""Writers and readers in threads and in tasks, that use all methods on many tasks and assets."""

from __future__ import annotations

import asyncio
import random
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self

from redis_state import RedisStateBackend, StateStoreError
from tests.chaos.calls import KEYS, Call, Family, change, families, reads, seen
from tests.chaos.registers import Registers

BUDGET = 1.0
_PAUSE = 0.004
_WRITERS, _READERS = 4, 2


@dataclass
class Figures:
    """What the load did, of any number of threads and tasks."""

    operations: Counter[str] = field(default_factory=Counter)
    errors: Counter[str] = field(default_factory=Counter)
    slowest: tuple[float, str] = (0.0, "")


class Load:
    """The clients of a soak, until the end of the block."""

    def __init__(self, url: str, seed: int, **options: Any) -> None:
        self._options = {"url": url, "budget": BUDGET, "timeout": 0.3, "connect_timeout": 0.3}
        self._options |= options
        self._seed = seed
        self._stopping = threading.Event()
        self._lock = threading.Lock()
        self._running: list[Future[None]] = []
        self.families = families(2 * _WRITERS)
        self.registers = Registers()
        self.figures = Figures()

    def __enter__(self) -> Self:
        self.backend = RedisStateBackend(**self._options)
        threads = ThreadPoolExecutor(_WRITERS + _READERS + 1)
        own, others = self.families[:_WRITERS], self.families[_WRITERS:]
        self._running = [threads.submit(self._run, self._writer(family)) for family in own]
        self._running += [threads.submit(self._run, self._reader(n)) for n in range(_READERS)]
        self._running.append(threads.submit(lambda: asyncio.run(self._run_tasks(others))))
        threads.shutdown(wait=False)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._stopping.set()
        for worker in self._running:
            worker.result()
        if kind is None:
            self._read_all()
            for family in self.families:
                for scope in family.scopes.values():
                    self.backend.clear(scope, all_map_indices=True)
        self.backend.close()

    def check_alive(self) -> None:
        """Fail if a worker has ended, which only an error that is not ours does."""
        for worker in self._running:
            if worker.done():
                worker.result()
                raise AssertionError("a worker of the load has ended")

    def wait_for_success(self, patience: float = 60.0) -> float:
        """Wait until a value of each family was read by a call made from now on."""
        begun = time.monotonic()
        wanted = {next(iter(family.scopes.values())) for family in self.families}
        while wanted:
            self.check_alive()
            for scope in list(wanted):
                try:
                    self.backend.get(scope, KEYS[0])
                    wanted.discard(scope)
                except StateStoreError as error:
                    if time.monotonic() > begun + patience:
                        raise AssertionError(f"no success in {patience:g} s") from error
        return time.monotonic() - begun

    def _writer(self, family: Family) -> Iterator[Call]:
        chance = random.Random(f"{self._seed} {family.name}")
        while not self._stopping.is_set():
            yield change(family, chance)
            yield from reads(family, chance, chance.randrange(3))

    def _reader(self, number: int) -> Iterator[Call]:
        chance = random.Random(f"{self._seed} reader {number}")
        while not self._stopping.is_set():
            yield from reads(chance.choice(self.families), chance, 1)

    @contextmanager
    def _noted(self, call: Call) -> Iterator[list[Any]]:
        """Note a call before it is made, and its answer, which the block puts into the list."""
        begun = time.monotonic()
        noted = [
            self.registers.begin(name, value, begun, call.deadline)
            for name, value in call.changes.items()
        ]
        answer: list[Any] = []
        failure = ""
        try:
            yield answer
        except StateStoreError as error:
            failure = type(error).__name__
        ended = time.monotonic()
        for each in noted:
            self.registers.end(each, ended, failed=bool(failure))
        if not failure:
            for name, value in seen(call, answer[0]).items():
                self.registers.read(name, value, begun, ended)
        self._count(call.method, ended - begun, failure)

    def _count(self, method: str, took: float, failure: str) -> None:
        with self._lock:
            self.figures.operations[method] += 1
            self.figures.slowest = max(self.figures.slowest, (took, method))
            if failure:
                self.figures.errors[failure] += 1

    def _read_all(self) -> None:
        for family in self.families:
            for where, scope in family.scopes.items():
                names = tuple(f"{where}/{key}" for key in KEYS)
                call = Call("entries", (scope,), {}, {}, names)
                with self._noted(call) as answer:
                    answer.append(self.backend.entries(scope))

    def _run(self, calls: Iterator[Call]) -> None:
        for call in calls:
            with self._noted(call) as answer:
                answer.append(getattr(self.backend, call.method)(*call.arguments, **call.options))
            time.sleep(_PAUSE)

    async def _run_tasks(self, own: list[Family]) -> None:
        async with asyncio.TaskGroup() as group:
            for family in own:
                group.create_task(self._run_task(self._writer(family)))
            for number in range(_READERS, 2 * _READERS):
                group.create_task(self._run_task(self._reader(number)))
        await self.backend.aclose()

    async def _run_task(self, calls: Iterator[Call]) -> None:
        for call in calls:
            method = getattr(self.backend, f"a{call.method}")
            with self._noted(call) as answer:
                answer.append(await method(*call.arguments, **call.options))
            await asyncio.sleep(_PAUSE)
