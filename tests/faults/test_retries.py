"""What a write that is tried again may do beside another writer of the same key: see `history`."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from threading import Event

import pytest

from redis_state import RedisStateBackend, TaskScope
from tests.faults.history import READ, WRITE, History, broken_promises, linearizability
from tests.faults.load import MODES
from tests.support.nodes import Node
from tests.support.proxy import DOWN, Proxy, Weather
from tests.support.waiting import PATIENCE, PATIENT, wait_until

TASK = TaskScope("faults", "run", "task")
KEY = "key"


def write(backend: RedisStateBackend, mode: str, arrives: Callable[[], None]) -> None:
    """Write "1" on a connection that stands, and say before that it does."""
    if mode == "sync":
        backend.set(TASK, KEY, "0")
        arrives()
        backend.set(TASK, KEY, "1")
        return

    async def in_a_loop() -> None:
        await backend.aset(TASK, KEY, "0")
        arrives()
        await backend.aset(TASK, KEY, "1")
        await backend.aclose()

    asyncio.run(in_a_loop())


@pytest.mark.parametrize("mode", MODES)
def test_a_write_whose_reply_was_lost_may_return_over_another_writers(
    node: Node, mode: str
) -> None:
    history, may_begin, stands = History(), Event(), Event()

    def arrives() -> None:
        stands.set()
        assert may_begin.wait(PATIENCE)

    with (
        Proxy(node.port) as proxy,
        closing(RedisStateBackend(url=proxy.url, timeout=0.3, budget=60, breaker_after=0)) as far,
        closing(RedisStateBackend(url=node.url, **PATIENT)) as near,
        ThreadPoolExecutor(1) as thread,
    ):

        def read() -> str | None:
            return history.begin(READ, KEY)(near.get(TASK, KEY)).value

        call = thread.submit(write, far, mode, arrives)
        assert stands.wait(PATIENCE)
        with proxy.weather(Weather(swallow=True, ways=(DOWN,))):
            first = history.begin(WRITE, KEY, "1")
            may_begin.set()
            wait_until(lambda: near.get(TASK, KEY) == "1", "the write arrives")
            wait_until(lambda: proxy.counts["swallowed"] > 0, "its reply is lost")
            assert read() == "1"
            second = history.begin(WRITE, KEY, "2")
            near.set(TASK, KEY, "2")
            second()
            # A reply to an earlier attempt that is still on its way would end the call.
            proxy.cut()
        call.result()
        first()
        # Acknowledged, and called after the first writer's value was seen; it is gone all the same.
        assert read() == "1"
    assert linearizability(history.events)
    assert not broken_promises(history.events).broken
