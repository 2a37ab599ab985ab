"""`pool_size` bounds the connections that are open, also after calls that were given up."""

from __future__ import annotations

import asyncio
import signal
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import pytest
import redis

from redis_state import RedisStateBackend, TaskScope
from redis_state.client.io import sync_link
from redis_state.client.io.async_link import AsyncLink
from redis_state.testing import EmbeddedServer
from tests.client.waiting import reached, wait_for
from tests.matrix import FIELD_FORM
from tests.support.inside import async_node_of, node_of
from tests.support.servers import raw_client, server

TASK = TaskScope("dag", "run", "task")
LARGE = f'"{"x" * 70_000}"'
POOL_SIZE = 5
ROUNDS = 8
# No call that is not given up shall fail beside a busy machine; one that is, is so at once.
PATIENT: dict[str, Any] = {"budget": 20.0, "timeout": 10.0, "breaker_after": 0.0}
KEYS = [str(number) for number in range(POOL_SIZE)]


class GivenUpError(BaseException):
    pass


@pytest.fixture
def running() -> Iterator[EmbeddedServer]:
    with server(FIELD_FORM) as running:
        yield running


@pytest.fixture
def raw(running: EmbeddedServer) -> Iterator[redis.Redis]:
    raw = raw_client(running)
    yield raw
    raw.close()


@pytest.fixture
def backend(running: EmbeddedServer, fast_lane: bool) -> RedisStateBackend:
    return RedisStateBackend(url=running.url, pool_size=POOL_SIZE, fast_lane=fast_lane, **PATIENT)


@pytest.fixture
def gives_up_when_told() -> Iterator[None]:
    def give_up(*_: object) -> None:
        raise GivenUpError

    before = signal.signal(signal.SIGUSR1, give_up)
    yield
    signal.signal(signal.SIGUSR1, before)


def is_shorter(idle: list[AsyncLink], than: int) -> bool:
    return len(idle) < than


async def test_calls_that_are_cancelled_do_not_make_the_pool_grow(
    running: EmbeddedServer, raw: redis.Redis, backend: RedisStateBackend, fast_lane: bool
) -> None:
    def open_connections() -> int:
        return len(raw.client_list()) - 1

    for _ in range(ROUNDS):
        await asyncio.gather(*(backend.aset(TASK, key, LARGE) for key in KEYS))
        running.pause()
        given_up = asyncio.create_task(backend.aset(TASK, "given up", LARGE))
        idle = async_node_of(backend)._idle
        await reached(partial(is_shorter, idle, len(idle)))
        given_up.cancel()
        await asyncio.gather(given_up, return_exceptions=True)
        running.resume()
        await asyncio.gather(*(backend.aset(TASK, key, LARGE) for key in KEYS))
    node = async_node_of(backend)
    assert len(node._idle) <= POOL_SIZE
    # The server learns a little later of what was closed.
    await reached(lambda: open_connections() <= POOL_SIZE + fast_lane)
    assert not node._abandoned
    await backend.aclose()


@pytest.mark.unmeasured
@pytest.mark.usefixtures("gives_up_when_told")
def test_calls_that_are_interrupted_do_not_make_the_pool_grow(
    running: EmbeddedServer, raw: redis.Redis, backend: RedisStateBackend, fast_lane: bool
) -> None:
    main = threading.main_thread().ident or 0

    def interrupt() -> None:
        wait_for(lambda: sys._current_frames()[main].f_code.co_filename == sync_link.__file__)
        signal.pthread_kill(main, signal.SIGUSR1)

    with ThreadPoolExecutor(POOL_SIZE) as threads:

        def write_at_once() -> None:
            for call in [threads.submit(backend.set, TASK, key, LARGE) for key in KEYS]:
                call.result()

        for _ in range(ROUNDS):
            write_at_once()
            running.pause()
            interrupting = threading.Thread(target=interrupt)
            interrupting.start()
            with pytest.raises(GivenUpError):
                backend.set(TASK, "given up", LARGE)
            interrupting.join()
            running.resume()
            write_at_once()
    node = node_of(backend)
    assert len(node._idle) <= POOL_SIZE
    wait_for(lambda: len(raw.client_list()) - 1 <= POOL_SIZE + fast_lane)
    assert not node._abandoned
    backend.close()
