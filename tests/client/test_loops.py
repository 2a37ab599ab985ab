"""Event loops: each has its own connections, which go when it goes; cancelling shifts no reply."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import socket
import threading
import time
from collections.abc import Callable, Coroutine
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import redis

from redis_state import RedisStateBackend, TaskScope, UnavailableError
from redis_state.client.policy.permits import Permit
from tests.client.waiting import PATIENCE, reached, wait_for
from tests.matrix import FIELD_FORM
from tests.support import peers
from tests.support.freezing import frozen
from tests.support.inside import async_node_of
from tests.support.servers import server
from tests.support.waiting import PATIENT

TASK = TaskScope("dag", "run", "task")


async def use(backend: RedisStateBackend, number: int) -> None:
    scope = TaskScope("dag", "run", "task", number)
    for turn in range(20):
        await backend.aset(scope, "key", str(turn))
        assert await backend.aget(scope, "key") == str(turn)


def loops_of(backend: RedisStateBackend) -> list[asyncio.AbstractEventLoop]:
    """List the loops that have a client."""
    clients = backend._loop_clients
    known = [reference() for reference in clients._loops]
    return [loop for loop in known if loop is not None and hasattr(loop, clients._name)]


def own_connections(raw: redis.Redis) -> int:
    return len(raw.client_list())


def test_three_loops_one_after_another_leave_nothing(
    backend: RedisStateBackend, raw: redis.Redis
) -> None:
    before = own_connections(raw)
    for number in range(3):
        asyncio.run(use(backend, number))
        assert loops_of(backend) == []
    wait_for(lambda: own_connections(raw) == before)


def test_two_loops_at_once_do_not_meet(backend: RedisStateBackend) -> None:
    failures: list[BaseException] = []

    def run(number: int) -> None:
        try:
            asyncio.run(use(backend, number))
        except BaseException as error:  # noqa: BLE001 - a thread's failure is the test's
            failures.append(error)

    threads = [threading.Thread(target=run, args=(number,)) for number in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []


@pytest.mark.filterwarnings("ignore::ResourceWarning")
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_loop_closed_without_good_order_is_let_go_by_the_next(
    backend: RedisStateBackend, raw: redis.Redis
) -> None:
    before = own_connections(raw)
    loop = asyncio.new_event_loop()
    loop.run_until_complete(use(backend, 1))
    loop.close()
    assert loops_of(backend) == [loop]
    asyncio.run(use(backend, 2))
    assert loops_of(backend) == []
    wait_for(lambda: own_connections(raw) == before)
    gc.collect()


# Who drops a loop that is open is warned by asyncio.
@pytest.mark.filterwarnings("ignore::ResourceWarning")
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_fifty_loops_dropped_without_being_closed_leave_nothing(
    backend: RedisStateBackend, raw: redis.Redis
) -> None:
    gc.collect()
    connections, descriptors = own_connections(raw), open_descriptors()
    for number in range(50):
        asyncio.new_event_loop().run_until_complete(use_once(backend, number))
    # What finalizers bring to life is collected once more.
    gc.collect()
    gc.collect()
    assert len(backend._loop_clients._loops) == 0
    assert open_descriptors() <= descriptors
    wait_for(lambda: own_connections(raw) == connections)
    asyncio.run(use_once(backend, 50))


def open_descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


async def use_once(backend: RedisStateBackend, number: int) -> None:
    await backend.aset(TASK, "key", str(number))
    assert await backend.aget(TASK, "key") == str(number)


async def test_a_hundred_tasks_share_the_pool(
    make_backend: Callable[..., RedisStateBackend], raw: redis.Redis, fast_lane: bool
) -> None:
    backend, before = make_backend(pool_size=5), own_connections(raw)
    await asyncio.gather(*(use(backend, number) for number in range(100)))
    assert own_connections(raw) - before <= 5 + fast_lane
    await backend.aclose()


async def test_a_call_does_not_block_the_loop(fast_lane: bool) -> None:
    ticks = 0

    async def tick() -> None:
        nonlocal ticks
        while True:
            ticks += 1
            await asyncio.sleep(0)

    with server(FIELD_FORM) as running:
        backend = RedisStateBackend(url=running.url, fast_lane=fast_lane, **PATIENT)
        await backend.aset(TASK, "key", "1")
        with frozen(running):
            ticking = asyncio.create_task(tick())
            call = asyncio.create_task(backend.aget(TASK, "key"))
            await reached(lambda: ticks >= 1000)
            assert not call.done()
        assert await call == "1"
        ticking.cancel()
        await backend.aclose()


async def cancel_while_under_way(
    call: Coroutine[Any, Any, Any], until: Callable[[], object]
) -> None:
    task = asyncio.create_task(call)
    await reached(until)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_cancelling_never_gives_a_reply_to_another(fast_lane: bool) -> None:
    with server(FIELD_FORM) as running:
        backend = RedisStateBackend(url=running.url, pool_size=1, fast_lane=fast_lane, **PATIENT)
        for number in range(20):
            await backend.aset(TASK, str(number), str(number))
        for number in range(0, 20, 2):
            with frozen(running):
                moment = time.monotonic() + 0.01
                await cancel_while_under_way(
                    backend.aget(TASK, str(number)), partial(has_come, moment)
                )
            assert await backend.aget(TASK, str(number + 1)) == str(number + 1)
        await backend.aclose()


async def test_cancelling_at_any_moment_leaves_the_pool_whole(backend: RedisStateBackend) -> None:
    for number in range(50):
        call = asyncio.create_task(backend.aset(TASK, "key", str(number)))
        for _ in range(number % 7):
            await asyncio.sleep(0)
        call.cancel()
        await asyncio.gather(call, return_exceptions=True)
        await backend.aset(TASK, "other", str(number))
        assert await backend.aget(TASK, "other") == str(number)
    node = async_node_of(backend)
    assert node._free.left == backend.settings.pool_size
    await backend.aclose()


def has_come(moment: float) -> bool:
    return time.monotonic() >= moment


def is_full(connections: list[bool], turns: int) -> bool:
    return len(connections) == turns


async def test_cancelling_while_connecting_leaves_nothing_open(fast_lane: bool) -> None:
    opened: list[bool] = []
    closed: list[bool] = []

    def behave(connection: socket.socket) -> None:
        opened.append(True)
        with contextlib.suppress(ConnectionResetError):
            peers.mute(connection)
        closed.append(True)

    with peers.listener(behave) as port:
        url = f"redis://127.0.0.1:{port}"
        backend = RedisStateBackend(url=url, password="p", fast_lane=fast_lane, **PATIENT)
        for turn in range(1, 4):
            await cancel_while_under_way(backend.aget(TASK, "key"), partial(is_full, opened, turn))
            await reached(partial(is_full, closed, turn))
        node = async_node_of(backend)
        assert node._idle == []
        assert node._free.left == backend.settings.pool_size


async def test_a_pool_that_stays_busy_is_an_error_that_names_the_remedy(
    make_backend: Callable[..., RedisStateBackend],
) -> None:
    backend = make_backend(pool_size=1, budget=0.1, fast_lane=False)
    node = async_node_of(backend)
    held: list[Permit] = []
    assert await node._free.take_at_once(held)
    with pytest.raises(UnavailableError, match="stayed busy.*pool_size"):
        await backend.aget(TASK, "key")
    held[0].give_back(held[0])
    # With so little time, one that is given back may be needed twice.
    async with asyncio.timeout(PATIENCE):
        while True:
            with contextlib.suppress(UnavailableError):
                assert await backend.aget(TASK, "key") is None
                break
    await backend.aclose()


async def test_a_caller_s_own_timeout_is_his_own(fast_lane: bool) -> None:
    with server(FIELD_FORM) as running:
        backend = RedisStateBackend(url=running.url, fast_lane=fast_lane, **PATIENT)
        await backend.aset(TASK, "key", "1")
        running.pause()
        with pytest.raises(TimeoutError) as caught:
            async with asyncio.timeout(0.05):
                await backend.aget(TASK, "key")
        assert type(caught.value) is TimeoutError
        running.resume()
        assert await backend.aget(TASK, "key") == "1"
        await backend.aclose()
