"""Many clients at once, in threads or in tasks, that write and read under the faults of a test."""

from __future__ import annotations

import asyncio
import itertools
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from datetime import UTC, datetime, timedelta
from types import TracebackType
from typing import Any, NamedTuple, Self
from uuid import uuid4

from redis_state import RedisStateBackend, StateScope, StateStoreError, TaskScope
from redis_state.format.layout import place
from tests.faults.history import (
    OK,
    READ,
    WRITE,
    Event,
    History,
    Verdict,
    broken_promises,
    linearizability,
)
from tests.support.waiting import wait_until

MODES = ("sync", "async")
BUDGET = 1.0
# Calls end with their budget; how long after, a busy machine has a say in.
GRACE = 10.0
# No call ends before the fault does, neither by its budget nor by the breaker.
PATIENT: dict[str, Any] = {
    "budget": 60.0,
    "timeout": 10.0,
    "connect_timeout": 10.0,
    "breaker_after": 0.0,
}
# One of the tasks is mapped: its values share a page with others.
SCOPES: dict[str, StateScope] = {
    **{f"task-{number}": TaskScope("faults", "run", f"task-{number}") for number in range(5)},
    "mapped": TaskScope("faults", "run", "mapped", 7),
}
SHORT_LIVED = "short-lived"
LIFE = timedelta(milliseconds=200)
# What a call may end with that Redis cannot be asked for the time being.
FAILURES = {"UnavailableError", "OperationTimeoutError"}
_KEY = "value"
_PAUSE = 0.002


class _Turn(NamedTuple):
    method: str
    arguments: tuple[Any, ...]
    options: dict[str, Any]
    end: Callable[..., Event]


class Load:
    """One writer and one reader of each key, or some of each, until the end of the block."""

    def __init__(self, url: str, mode: str, *, clients: int = 1, **options: Any) -> None:
        self._clients = clients
        self.namespace = f"faults-{uuid4().hex[:12]}"
        self._options: dict[str, Any] = {"url": url, "namespace": self.namespace, "budget": BUDGET}
        self._options |= {"timeout": 0.3, "connect_timeout": 0.3} | options
        self._is_async = mode == "async"
        self._stopping = threading.Event()
        self._numbers = itertools.count()
        self._deadlines: dict[str, float] = {}
        self._running: list[Future[None]] = []
        self.history = History()

    def __enter__(self) -> Self:
        self._backend = RedisStateBackend(**self._options)
        kinds = (WRITE, READ) * self._clients
        workers = [(kind, key) for kind in kinds for key in (*SCOPES, SHORT_LIVED)]
        threads = ThreadPoolExecutor(len(workers))
        if self._is_async:
            self._running = [threads.submit(lambda: asyncio.run(self._run_tasks(workers)))]
        else:
            self._running = [threads.submit(self._run, *worker) for worker in workers]
        threads.shutdown(wait=False)
        self.wait_for_all_keys()
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
        self._backend.close()

    def page(self, key: str) -> str:
        """Return where a key's value lies."""
        return place(self.namespace, SCOPES[key]).page

    @property
    def budget(self) -> float:
        return float(self._options["budget"])

    def wait_for_all_keys(self) -> float:
        """Wait until each key was written and read by calls made from now on."""
        begun = time.monotonic()
        wanted = {(kind, key) for kind in (WRITE, READ) for key in SCOPES}
        return wait_until(
            lambda: wanted <= {(e.kind, e.key) for e in self._since(begun) if e.outcome == OK},
            f"every key was written and read: {self.history.errors()}",
        )

    def wait_for_errors(self, count: int = 1) -> None:
        """Wait until calls made from now on have failed, as they do under a fault that lasts."""
        begun = time.monotonic()
        wait_until(lambda: sum(bool(e.error) for e in self._since(begun)) >= count, "calls failed")

    def check(self, *, failures: int | None = None) -> Verdict:
        """Check what this load saw, after its end; ``failures``: the most calls that may fail."""
        events = self.history.events
        slowest = max(events, key=lambda event: event.took)
        assert slowest.took < self.budget + GRACE, slowest
        if failures is not None:
            errors = self.history.errors()
            assert sum(errors.values()) <= failures, errors
        short: list[Event] = []
        others: list[Event] = []
        for event in events:
            (short if event.key == SHORT_LIVED else others).append(event)
        self._check_short_lived(short)
        verdict = broken_promises(others, self.history.failovers)
        assert verdict.broken == []
        if not self.history.failovers:
            assert linearizability(others) == []
        return verdict

    def values(self) -> dict[str, str | None]:
        """Read all that stays, by connections of its own."""
        with closing(RedisStateBackend(**(self._options | PATIENT))) as backend:
            return {key: backend.get(scope, _KEY) for key, scope in SCOPES.items()}

    def figures(self) -> dict[str, Any]:
        """Return what is worth a line in a report."""
        events = self.history.events
        return {
            "operations": len(events),
            "acknowledged_writes": sum(e.is_write and e.outcome == OK for e in events),
            "errors": self.history.errors(),
            "slowest_call_s": round(max(event.took for event in events), 3),
        }

    def _since(self, begun: float) -> list[Event]:
        return [event for event in self.history.events if event.begun >= begun]

    def _check_short_lived(self, events: list[Event]) -> None:
        seen = [event for event in events if not event.is_write and event.value is not None]
        assert all(event.begun < self._deadlines[event.value or ""] for event in seen)
        assert broken_promises([*(e for e in events if e.is_write), *seen]).broken == []

    def _read_all(self) -> None:
        # What nobody had read since it was written is found missing here.
        ends = {key: self.history.begin(READ, key) for key in SCOPES}
        for key, value in self.values().items():
            ends[key](value)

    def _turns(self, kind: str, key: str) -> Iterator[_Turn]:
        scope = SCOPES.get(key, TaskScope("faults", "run", key))
        while not self._stopping.is_set():
            if kind == READ:
                yield _Turn("get", (scope, _KEY), {}, self.history.begin(READ, key))
                continue
            value, options = f"{key}:{next(self._numbers)}", {}
            if key == SHORT_LIVED:
                options["expires_at"] = datetime.now(UTC) + LIFE
                self._deadlines[value] = time.monotonic() + LIFE.total_seconds()
            end = self.history.begin(WRITE, key, value)
            yield _Turn("set", (scope, _KEY, value), options, end)

    def _run(self, kind: str, key: str) -> None:
        for turn in self._turns(kind, key):
            try:
                seen = getattr(self._backend, turn.method)(*turn.arguments, **turn.options)
            except StateStoreError as error:
                turn.end(error=error)
            else:
                turn.end(*([seen] if kind == READ else []))
            time.sleep(_PAUSE)

    async def _run_tasks(self, workers: list[tuple[str, str]]) -> None:
        async with asyncio.TaskGroup() as group:
            for worker in workers:
                group.create_task(self._run_task(*worker))
        await self._backend.aclose()

    async def _run_task(self, kind: str, key: str) -> None:
        for turn in self._turns(kind, key):
            try:
                seen = await getattr(self._backend, f"a{turn.method}")(
                    *turn.arguments, **turn.options
                )
            except StateStoreError as error:
                turn.end(error=error)
            else:
                turn.end(*([seen] if kind == READ else []))
            await asyncio.sleep(_PAUSE)
