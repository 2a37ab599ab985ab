"""Threads and forks: one backend for all of them."""

from __future__ import annotations

import os
import signal
import threading
import time
import traceback
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any

import pytest
import redis

from redis_state import RedisStateBackend, TaskScope, UnavailableError
from redis_state.client.policy.permits import Permit
from tests.client.waiting import wait_for
from tests.support import peers
from tests.support.budgets import few_attempts
from tests.support.inside import node_of
from tests.support.waiting import PATIENT

THREADS = 40
TASK = TaskScope("dag", "run", "task")


def test_forty_threads_read_what_they_wrote(backend: RedisStateBackend) -> None:
    def work(number: int) -> None:
        scope = TaskScope("dag", "run", "task", number)
        for turn in range(50):
            backend.set(scope, "key", f'"{number} {turn}"')
            assert backend.get(scope, "key") == f'"{number} {turn}"'

    with ThreadPoolExecutor(THREADS) as pool:
        list(pool.map(work, range(THREADS)))


def test_no_more_connections_are_opened_than_the_pool_has(
    make_backend: Callable[..., RedisStateBackend], raw: redis.Redis, fast_lane: bool
) -> None:
    backend = make_backend(pool_size=3)
    before = connections(raw)
    with ThreadPoolExecutor(THREADS) as pool:
        list(pool.map(lambda number: backend.get(TASK, str(number)), range(400)))
    assert connections(raw) - before <= 3 + fast_lane


def test_a_pool_that_stays_busy_is_an_error_that_names_the_remedy(
    make_backend: Callable[..., RedisStateBackend],
) -> None:
    backend = make_backend(pool_size=1, budget=0.1, fast_lane=False)
    held: list[Permit] = []
    assert node_of(backend)._free.take_at_once(held)
    with pytest.raises(UnavailableError, match="stayed busy.*pool_size"):
        backend.get(TASK, "key")
    held[0].give_back(held[0])
    # With so little time, one that is given back may be needed twice.
    wait_for(lambda: succeeds(backend))


def succeeds(backend: RedisStateBackend) -> bool:
    with suppress(UnavailableError):
        return backend.get(TASK, "key") is None
    return False


def test_a_closed_backend_opens_again(backend: RedisStateBackend) -> None:
    backend.set(TASK, "key", "1")
    backend.close()
    assert backend.get(TASK, "key") == "1"


def test_a_large_value_read_by_one_thread_does_not_break_others(
    backend: RedisStateBackend,
) -> None:
    backend.set(TASK, "large", '"' + "x" * 10_000_000 + '"')

    def read(number: int) -> int:
        scope = TASK if number % 4 == 0 else TaskScope("dag", "run", "task", number)
        return len(backend.get(scope, "large") or "")

    with ThreadPoolExecutor(8) as pool:
        sizes = list(pool.map(read, range(32)))
    assert sizes == [10_000_002 if number % 4 == 0 else 0 for number in range(32)]


def in_child(work: Callable[[], None]) -> int:
    """Run ``work`` in a forked child, and return its exit code."""
    child = os.fork()
    if child:
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    try:
        work()
    except BaseException:  # noqa: BLE001 - a child must never return into the parent's test run
        traceback.print_exc()
        os._exit(1)
    os._exit(0)


def test_a_forked_child_has_connections_of_its_own(
    backend: RedisStateBackend, raw: redis.Redis
) -> None:
    backend.set(TASK, "key", '"parent"')
    own = connections(raw)

    def child() -> None:
        assert backend.get(TASK, "key") == '"parent"'
        backend.set(TASK, "key", '"child"')

    assert in_child(child) == 0
    assert connections(raw) == own + 1
    # The parent's connection is the one it had, and still in step.
    assert backend.get(TASK, "key") == '"child"'
    assert connections(raw) == own + 1


# Unmeasured, for the measuring may hold a lock of its own when the process forks.
@pytest.mark.unmeasured
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_a_fork_in_mid_use_disturbs_neither_side(backend: RedisStateBackend) -> None:
    stop = threading.Event()
    wrong: list[str | None] = []

    def keep_busy(number: int) -> None:
        scope, turn = TaskScope("dag", "run", "task", number), 0
        while not stop.is_set():
            turn += 1
            backend.set(scope, "key", str(turn))
            if (seen := backend.get(scope, "key")) != str(turn):
                wrong.append(seen)

    threads = [threading.Thread(target=keep_busy, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()

    def child() -> None:
        signal.alarm(60)
        for number in range(100, 110):
            scope = TaskScope("dag", "run", "task", number)
            backend.set(scope, "key", str(number))
            assert backend.get(scope, "key") == str(number)

    try:
        for _ in range(5):
            time.sleep(0.02)
            assert in_child(child) == 0
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    assert wrong == []


def test_a_thread_that_fails_gives_its_place_back(fast_lane: bool) -> None:
    with peers.listener(peers.hang_up) as port:
        url = f"redis://127.0.0.1:{port}"
        backend = RedisStateBackend(url=url, pool_size=1, fast_lane=fast_lane, **PATIENT)
        for _ in range(3):
            with few_attempts(), pytest.raises(UnavailableError, match="could not be used"):
                backend.get(TASK, "key")


def connections(raw: redis.Redis) -> int:
    statistics: Any = raw.info("stats")
    return int(statistics["total_connections_received"])
