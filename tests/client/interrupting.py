"""Interrupts calls thousands of times, at random moments, and tells what that has cost.

`python -m tests.client.interrupting PATH --times 10000 --seed 7` prints a report in JSON. It is a
program of its own, for what it looks for leaves a process that hangs.
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import random
import signal
import sys
import threading
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from typing import Any

import redis

from redis_state import RedisStateBackend, StateStoreError, TaskScope
from tests.matrix import FIELD_FORM
from tests.support.inside import node_of
from tests.support.servers import raw_client, server

PATHS = ("lane", "pool", "opening", "durable")
POOL_SIZE = 5
LARGE = 70_000
TASK = TaskScope("dag", "run", "task")
# Seconds without a call's end, which by then has long used up its budget.
HANGS = 45.0
PATIENT: dict[str, Any] = {"budget": 20.0, "timeout": 10.0, "breaker_after": 0.0}
DURABLE: dict[str, Any] = {"durability": "aof", "durability_timeout": 8.0}
# Of the last check, in which the server is silent.
HASTY = 1.0


class InterruptionError(BaseException):
    pass


class Interrupter:
    """Interrupts the main thread at random moments, now and then twice or thrice in a row."""

    def __init__(self, seed: int) -> None:
        self.count = 0
        self.errors: list[str] = []
        self._left = 0
        self._random = random.Random(seed)
        self._longest = 0.001
        signal.signal(signal.SIGALRM, self._handle)

    def measure(self, act: Callable[[], None]) -> None:
        """Learn how long a call takes: most interruptions shall come in the midst of one."""
        begun = time.monotonic()
        for _ in range(20):
            act()
        self._longest = (time.monotonic() - begun) / 20 * 1.2

    def interrupt(self, act: Callable[[], None]) -> None:
        # One may come while another is handled here, so there is a place to handle each.
        try:
            try:
                try:
                    self._left = self._random.choice((1, 1, 1, 2, 3))
                    self._arm(self._random.random() * self._longest)
                    self._act_until_it_came(act)
                except InterruptionError:
                    self._act_until_it_came(act)
            except InterruptionError:
                self._act_until_it_came(act)
        except InterruptionError:
            pass

    def _act_until_it_came(self, act: Callable[[], None]) -> None:
        # A destructor may swallow it.
        while self._left:
            try:
                act()
            except Exception as error:  # noqa: BLE001 - what goes wrong is told at the end
                self.errors.append(repr(error))

    def _arm(self, seconds: float) -> None:
        signal.setitimer(signal.ITIMER_REAL, max(seconds, 1e-6))

    def _handle(self, *_: object) -> None:
        if self._left:
            self._left -= 1
            self.count += 1
            if self._left:
                self._arm(self._random.random() * 0.0002)
            raise InterruptionError


class Caller:
    """Writes and reads a key of its own, and knows what it may read."""

    def __init__(self, backend: RedisStateBackend, key: str, size: int) -> None:
        self._backend = backend
        self._key = key
        self._size = size
        self._number = 0
        self._possible: set[str | None] = {None}
        self.longest = 0.0
        self.wrong: list[str] = []

    def act(self) -> None:
        self.write()
        self.read()

    def write(self) -> None:
        self._number += 1
        value = f'"{self._key} {self._number} {"x" * self._size}"'
        self._possible.add(value)
        begun = time.monotonic()
        self._backend.set(TASK, self._key, value)
        self.longest = max(self.longest, time.monotonic() - begun)
        self._possible = {value}

    def read(self) -> None:
        begun = time.monotonic()
        found = self._backend.get(TASK, self._key)
        self.longest = max(self.longest, time.monotonic() - begun)
        if found not in self._possible:
            seen = None if found is None else found[:20]
            self.wrong.append(f"{self._key} read {seen} at {self._number}")


class Trial:
    """One path, its interruptions, and the check of what is left afterwards."""

    def __init__(self, path: str, times: int, seed: int, executable: str) -> None:
        self._path = path
        self._times = times
        self._stack = ExitStack()
        options = ("--appendonly", "yes", "--appendfsync", "always") if path == "durable" else ()
        self._server = self._stack.enter_context(server(executable, *options))
        durable = DURABLE if path == "durable" else {}
        self._backend = RedisStateBackend(
            url=self._server.url, pool_size=POOL_SIZE, **PATIENT, **durable
        )
        self._raw: redis.Redis = raw_client(self._server)
        self._raw.ping()
        self._interrupter = Interrupter(seed)
        size = LARGE if path == "pool" else 10
        self._own = Caller(self._backend, "own", size)
        self._others = [Caller(self._backend, f"other {n}", size) for n in range(3)]
        self._busy = threading.Event()
        self.report: dict[str, Any] = {"path": path, "server": executable, "seed": seed}

    def run(self) -> None:
        begun = time.monotonic()
        self._busy.set()
        stop, failures = threading.Event(), []

        def keep_busy(caller: Caller) -> None:
            try:
                while not stop.is_set():
                    caller.act()
                    time.sleep(0.001)
            except BaseException as error:  # noqa: BLE001 - a thread's failure is told at the end
                failures.append(repr(error))

        others = [
            threading.Thread(target=keep_busy, args=(each,), daemon=True) for each in self._others
        ]
        for each in others:
            each.start()
        self._interrupt_often()
        stop.set()
        for each in others:
            each.join(HANGS)
        self.report |= {
            "interruptions": self._interrupter.count,
            "failed": self._interrupter.errors,
            "others failed": failures,
            "others hung": sum(each.is_alive() for each in others),
            "wrong": [what for each in (self._own, *self._others) for what in each.wrong],
            "longest": round(max(each.longest for each in (self._own, *self._others)), 2),
            "seconds": round(time.monotonic() - begun, 1),
        }
        self._check()
        self._stack.close()

    def progress(self) -> int:
        return self._interrupter.count

    def _interrupt_often(self) -> None:
        self._interrupter.measure(self._act)
        while self._interrupter.count < self._times:
            self._interrupter.interrupt(self._act)
            if self._path == "opening" and self._interrupter.count % 20 == 0:
                gc.collect()

    def _act(self) -> None:
        match self._path:
            case "opening":
                self._backend.close()
                self._own.read()
            case "durable":
                self._own.write()
            case _:
                self._own.act()

    def _check(self) -> None:
        gc.collect()
        self._own.wrong.clear()
        self._own.act()
        for each in self._others:
            each.act()
        node = node_of(self._backend)
        lane_before = node._lane
        self._backend.close()
        self._own.read()
        self.report["lane opened"] = node._lane is not None and node._lane is not lane_before
        with ThreadPoolExecutor(2 * POOL_SIZE) as threads:
            calls = [
                threads.submit(Caller(self._backend, str(n), LARGE).act)
                for n in range(2 * POOL_SIZE)
            ]
            for call in calls:
                call.result(HANGS)
        self.report["connections"] = len(self._raw.client_list()) - 1
        self.report["last wrong"] = self._own.wrong
        self._check_beside_a_silent_server()

    def _check_beside_a_silent_server(self) -> None:
        """See how many calls have a connection at once, and when the others end."""
        client: Any = self._backend._client
        # What waits at the server would have a longer budget.
        client._settings = self._backend.settings.model_copy(update={"budget": HASTY})
        client._budget = HASTY
        self._server.pause()
        took: list[float] = []
        messages: list[str] = []

        def write(number: int) -> None:
            begun = time.monotonic()
            try:
                self._backend.set(TASK, f"silent {number}", f'"{"x" * LARGE}"')
            except StateStoreError as error:
                messages.append(str(error))
            took.append(time.monotonic() - begun)

        threads = [threading.Thread(target=write, args=(n,), daemon=True) for n in range(POOL_SIZE)]
        for each in threads:
            each.start()
        for each in threads:
            each.join(HANGS)
        self._server.resume()
        self.report |= {
            "lent at once": sum("stayed busy" not in message for message in messages),
            "hung at the end": sum(each.is_alive() for each in threads),
            "longest at the end": round(max(took, default=0.0), 2),
        }


def harm_in(report: dict[str, Any]) -> list[str]:
    """List what is not as it was before the interruptions."""
    none = ("failed", "others failed", "others hung", "wrong", "last wrong", "hung at the end")
    as_before = {
        **{name: not report[name] for name in none},
        "lane opened": report["lane opened"],
        # Of the pool, and the lane.
        "connections": report["connections"] <= POOL_SIZE + 1,
        "lent at once": report["lent at once"] == POOL_SIZE,
        # The rest is for a busy machine.
        "longest at the end": report["longest at the end"] < HASTY + 10.0,
    }
    return [name for name, holds in as_before.items() if not holds]


def watch(trial: Trial, times: int) -> None:
    """End a process that hangs."""
    seen, since = -1, time.monotonic()
    while (count := trial.progress()) < times:
        if count != seen:
            seen, since = count, time.monotonic()
        if time.monotonic() - since > HANGS:
            print(json.dumps(trial.report | {"interruptions": count, "hangs": True}), flush=True)
            os._exit(1)
        time.sleep(0.1)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("path", choices=PATHS)
    parser.add_argument("--times", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--server", default=FIELD_FORM)
    wanted = parser.parse_args()
    # What a destructor swallows, as one of a connection that is closed unused, is no news.
    # In C, for it is interrupted as well.
    sys.unraisablehook = deque[object](maxlen=0).append
    trial = Trial(wanted.path, wanted.times, wanted.seed, wanted.server)
    threading.Thread(target=watch, args=(trial, wanted.times), daemon=True).start()
    trial.run()
    harm = harm_in(trial.report)
    print(json.dumps(trial.report | {"harm": harm}), flush=True)
    # Past what waits for a thread that hangs.
    os._exit(1 if harm else 0)


if __name__ == "__main__":
    main()
