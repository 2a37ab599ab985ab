"""So many at a time: who waits ends by his deadline, and is told of what is given back."""

from __future__ import annotations

import asyncio
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from redis_state.client.io import sync_permits as module
from redis_state.client.io.async_permits import AsyncPermits
from redis_state.client.io.sync_permits import SyncPermits
from redis_state.client.policy.permits import Permit
from tests.support.waiting import PATIENCE, wait_for


def give_back(permits: SyncPermits, held: list[Permit]) -> None:
    held[0].give_back(held[0])
    permits.wake()


def test_one_that_waits_takes_what_is_given_back() -> None:
    permits, held, others = SyncPermits(1), list[Permit](), list[Permit]()
    assert permits.take(held, time.monotonic())
    assert not permits.take(others, time.monotonic())
    with ThreadPoolExecutor(1) as threads:
        waiting = threads.submit(permits.take, others, time.monotonic() + PATIENCE)
        wait_for(lambda: bool(permits._waiting))
        assert not waiting.done()
        give_back(permits, held)
        assert waiting.result(PATIENCE)
    assert len(others) == permits.held == 1


def test_one_that_waits_finds_what_was_given_back_without_a_word() -> None:
    permits, held, others = SyncPermits(1), list[Permit](), list[Permit]()
    assert permits.take(held, time.monotonic())
    with ThreadPoolExecutor(1) as threads:
        waiting = threads.submit(permits.take, others, time.monotonic() + PATIENCE)
        wait_for(lambda: bool(permits._waiting))
        held[0].give_back(held[0])
        assert waiting.result(PATIENCE)


def test_one_that_has_waited_for_long_is_not_overtaken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_LOOKS_AGAIN", PATIENCE)
    permits, held, first = SyncPermits(1), list[Permit](), threading.Lock()
    first.acquire()
    permits._waiting.append((first, time.monotonic() - 1.0))
    with ThreadPoolExecutor(1) as threads:
        coming = threads.submit(permits.take, held, time.monotonic() + PATIENCE)
        wait_for(lambda: len(permits._waiting) == 2, "it stands behind the first")
        assert not held
        permits.wake()
        assert first.acquire(blocking=False)
        permits.wake()
        assert coming.result(PATIENCE)


def test_many_that_wait_while_others_come_and_go_end_by_their_deadlines() -> None:
    permits, stop = SyncPermits(1), threading.Event()

    def come_and_go() -> None:
        while not stop.is_set():
            held: list[Permit] = []
            if permits.take_at_once(held):
                time.sleep(0)
                give_back(permits, held)

    def wait() -> None:
        for turn in range(10):
            held: list[Permit] = []
            if permits.take(held, time.monotonic() + turn * 0.002):
                give_back(permits, held)

    coming = threading.Thread(target=come_and_go)
    waiting = [threading.Thread(target=wait, daemon=True) for _ in range(50)]
    for each in (coming, *waiting):
        each.start()
    time.sleep(0.1)
    stop.set()
    coming.join()
    held: list[Permit] = []
    # From now on there is none, and all of them have to end all the same.
    assert permits.take(held, time.monotonic() + PATIENCE)
    wait_for(lambda: not any(each.is_alive() for each in waiting))
    assert permits.held == 1
    assert not permits._waiting


async def test_tasks_that_wait_for_there_to_be_one_go_on_together() -> None:
    permits, held = AsyncPermits(1), list[Permit]()
    await permits.wait(time.monotonic())
    assert await permits.take(held, time.monotonic())
    await permits.wait(time.monotonic())
    waiting = [asyncio.create_task(permits.wait(time.monotonic() + PATIENCE)) for _ in range(9)]
    await asyncio.sleep(0)
    held[0].give_back(held[0])
    await asyncio.gather(*waiting)
    assert permits.left == 1


async def test_a_task_that_waits_takes_what_is_given_back_or_ends_by_its_deadline() -> None:
    permits, held, others = AsyncPermits(1), list[Permit](), list[Permit]()
    assert await permits.take(held, time.monotonic())
    assert not await permits.take_at_once(others)
    assert not await permits.take(others, time.monotonic())
    waiting = asyncio.create_task(permits.take(others, time.monotonic() + PATIENCE))
    await asyncio.sleep(0)
    held[0].give_back(held[0])
    assert await waiting
    assert len(others) == 1
    assert permits.left == 0
