"""The lane of an event loop: what leaves together, and what cancelling and silence do to it."""

from __future__ import annotations

import asyncio
import contextlib
import random
import socket
import time
from collections.abc import AsyncIterator, Callable, Iterator
from functools import partial
from typing import Any

import pytest
import redis

from redis_state import RedisStateBackend, TaskScope
from redis_state.client.io import async_opening
from redis_state.client.io.async_link import AsyncLink
from redis_state.client.policy.attempts import BrokenError, LateError, SilenceError, UnsentError
from redis_state.config.settings import Settings
from redis_state.config.url import Server
from tests.client.waiting import PATIENCE, reached, wait_for
from tests.support import peers
from tests.support.inside import async_node_of
from tests.support.peers import Parrot
from tests.support.waiting import PATIENT

TASK = TaskScope("dag", "run", "task")
NAMES = [str(number) for number in range(40)]

pytestmark = pytest.mark.timeout(60)


@pytest.fixture
def fast_lane() -> bool:
    return True


@pytest.fixture
def peer() -> Parrot:
    return Parrot()


@pytest.fixture
def port(peer: Parrot) -> Iterator[int]:
    with peers.listener(peer) as port:
        yield port


@pytest.fixture
async def parroted(port: int) -> AsyncIterator[RedisStateBackend]:
    backend = RedisStateBackend(url=f"redis://127.0.0.1:{port}", **PATIENT)
    assert await backend.aget(TASK, "first") == "first"
    yield backend
    await backend.aclose()


@pytest.fixture
async def link(port: int) -> AsyncIterator[AsyncLink]:
    server = Server("127.0.0.1", port)
    link = await async_opening.open_link(Settings(), server, time.monotonic() + 5)
    link.is_shared = True
    yield link
    link.close()


def hget(name: str) -> bytes:
    return b"*3\r\n$4\r\nHGET\r\n$1\r\np\r\n$%d\r\n%b\r\n" % (len(name), name.encode())


def was_read(peer: Parrot, name: str) -> bool:
    return any(name.encode() in names for names in peer.reads())


def opened(raw: redis.Redis) -> int:
    statistics: Any = raw.info("stats")
    return int(statistics["total_connections_received"])


async def test_a_call_that_is_alone_leaves_before_the_tick_ends(
    link: AsyncLink, peer: Parrot
) -> None:
    for name in NAMES[:3]:
        call = link.exchange(hget(name), 1, time.monotonic() + 30)
        # Meanwhile the loop stands still.
        wait_for(partial(was_read, peer, name))
        assert (await call)[0].endswith(name.encode())


async def test_what_calls_send_that_were_answered_together_leaves_before_the_next_tick(
    link: AsyncLink, peer: Parrot
) -> None:
    seen: list[bool] = []

    def stand_still() -> None:
        wait_for(partial(was_read, peer, "next"))
        seen.append(True)

    async def go_on() -> None:
        await link.exchange(hget("one"), 1, time.monotonic() + 30)
        asyncio.get_running_loop().call_soon(stand_still)
        await link.exchange(hget("next"), 1, time.monotonic() + 30)

    with peer.holding(b"HGET"):
        call = asyncio.create_task(go_on())
        await asyncio.sleep(0)
        link.exchange(hget("other"), 1, time.monotonic() + 30)
        await reached(lambda: not link._outbox)
    await call
    assert seen == [True]


async def test_all_calls_of_one_tick_leave_in_one_write_where_there_was_a_crowd(
    parroted: RedisStateBackend, peer: Parrot
) -> None:
    # Until then, the first of them is alone.
    assert await asyncio.gather(*(parroted.aget(TASK, name) for name in NAMES)) == NAMES
    before = len(peer.together)
    assert await asyncio.gather(*(parroted.aget(TASK, name) for name in NAMES)) == NAMES
    assert peer.together[before:] == [peer.together[-1]]
    assert peer.reads()[-1] == [name.encode() for name in NAMES]
    assert peer.connections == 1


async def test_many_calls_of_one_tick_leave_fifty_at_a_time(
    parroted: RedisStateBackend, peer: Parrot
) -> None:
    names, before = [str(number) for number in range(120)], len(peer.reads())
    assert await asyncio.gather(*(parroted.aget(TASK, name) for name in names)) == names
    writes = peer.reads()[before:]
    assert [name.decode() for write in writes for name in write] == names
    # The first was alone.
    assert len(writes) <= 4
    assert peer.connections == 1


async def test_a_call_with_little_time_ends_with_it_and_the_others_wait_on(
    link: AsyncLink, peer: Parrot
) -> None:
    with peer.holding(b"HGET"):
        first = link.exchange(hget("first"), 1, time.monotonic() + 30)
        with pytest.raises(LateError):
            await link.exchange(hget("hasty"), 1, time.monotonic() + 0.2)
        last = link.exchange(hget("last"), 1, time.monotonic() + 30)
    assert (await first)[0].endswith(b"first")
    assert (await last)[0].endswith(b"last")


async def test_a_connection_that_stays_silent_ends_for_all(link: AsyncLink, peer: Parrot) -> None:
    link.silence = 0.2
    with peer.holding(b"HGET"):
        calls = [link.exchange(hget(name), 1, time.monotonic() + 30) for name in NAMES]
        outcomes = await asyncio.gather(*calls, return_exceptions=True)
    assert [type(outcome) for outcome in outcomes] == [SilenceError] * len(NAMES)
    assert len({id(outcome) for outcome in outcomes}) == len(NAMES)
    with pytest.raises(SilenceError):
        link.exchange(hget("late"), 1, time.monotonic() + 30)


async def test_what_was_not_sent_in_time_goes_another_way_as_far_as_there_is_room(
    link: AsyncLink, peer: Parrot
) -> None:
    link.room, link.leaves_before = lambda: 0, 29.9
    large = b"*3\r\n$4\r\nHGET\r\n$1\r\np\r\n$60000\r\n%b\r\n" % (b"x" * 60_000)
    with peer.holding(b"HGET"):
        calls = [link.exchange(large, 1, time.monotonic() + 30) for _ in range(400)]
        await reached(lambda: link._is_full)
        link.room = lambda: 3
        await reached(lambda: any(call.done() for call in calls))
        ended = [call.exception() for call in calls if call.done()]
        assert [type(each) for each in ended] == [UnsentError] * 3
        link.room = lambda: 0
    outcomes = await asyncio.gather(*calls, return_exceptions=True)
    assert all(isinstance(each, (list, UnsentError)) for each in outcomes)
    assert sum(isinstance(each, list) for each in outcomes) > 300
    assert peer.connections == 1


async def test_tasks_wait_for_the_lane_that_is_opened_where_the_pool_has_no_room(
    port: int, peer: Parrot
) -> None:
    url = f"redis://127.0.0.1:{port}"
    backend = RedisStateBackend(url=url, pool_size=1, budget=20.0, timeout=20.0, breaker_after=20.0)
    with peer.holding(b"COMMAND"):
        calls = asyncio.gather(*(backend.aget(TASK, name) for name in NAMES))
        await reached(lambda: peer.connections == 2)
    assert await calls == NAMES
    # One opened the lane and one took the pool; the others travelled together.
    assert max(map(len, peer.reads())) >= len(NAMES) - 2
    await backend.aclose()


async def test_a_call_that_came_later_with_less_time_is_watched_too(
    link: AsyncLink, peer: Parrot
) -> None:
    for seconds in (30.0, 10.0, 20.0):
        with peer.holding(b"HGET"):
            first = link.exchange(hget("first"), 1, time.monotonic() + seconds)
            await reached(lambda: bool(peer.reads()))
        assert (await first)[0].endswith(b"first")
    with peer.holding(b"HGET"), pytest.raises(LateError):
        await link.exchange(hget("hasty"), 1, time.monotonic() + 0.2)


async def test_cancelling_at_any_tick_shifts_no_reply_and_keeps_the_connection(
    make_backend: Callable[..., RedisStateBackend], raw: redis.Redis
) -> None:
    backend, chance = make_backend(), random.Random(7)
    await backend.aset_many(TASK, {name: name for name in NAMES})
    connections = opened(raw)
    for turn in range(120):
        calls = [asyncio.create_task(backend.aget(TASK, name)) for name in NAMES]
        for _ in range(turn % 6):
            await asyncio.sleep(0)
        for call in chance.sample(calls, turn % len(calls)):
            call.cancel()
        outcomes = await asyncio.gather(*calls, return_exceptions=True)
        for outcome, name in zip(outcomes, NAMES, strict=True):
            assert outcome == name or isinstance(outcome, asyncio.CancelledError)
        assert await backend.aget(TASK, "7") == "7"
    assert opened(raw) == connections
    await backend.aclose()


async def test_a_cancelled_call_whose_reply_comes_late_shifts_none(
    parroted: RedisStateBackend, peer: Parrot
) -> None:
    with peer.holding(b"HGET"):
        calls = [asyncio.create_task(parroted.aget(TASK, name)) for name in NAMES]
        await reached(lambda: len(peer.reads()) > 1)
        for call in calls[::3]:
            call.cancel()
        late = [asyncio.create_task(parroted.aget(TASK, f"late {name}")) for name in NAMES]
        lane = async_node_of(parroted)._lane
        assert lane is not None
        await reached(lambda: len(lane._waiting) == 2 * len(NAMES))
    outcomes = await asyncio.gather(*calls, return_exceptions=True)
    assert all(isinstance(outcome, asyncio.CancelledError) for outcome in outcomes[::3])
    assert outcomes[1::3] == NAMES[1::3]
    assert outcomes[2::3] == NAMES[2::3]
    assert await asyncio.gather(*late) == [f"late {name}" for name in NAMES]
    assert peer.connections == 1


async def test_a_cancelled_call_that_is_never_answered_ends_the_connection(
    link: AsyncLink, peer: Parrot
) -> None:
    link.silence = 0.2
    with peer.holding(b"HGET"):
        link.exchange(hget("cancelled"), 1, time.monotonic() + 30).cancel()
        with pytest.raises(SilenceError):
            await link.exchange(hget("waiting"), 1, time.monotonic() + 30)


async def test_a_reply_that_nobody_asked_for_ends_the_lane_and_costs_no_call() -> None:
    connections: list[socket.socket] = []
    closed: list[socket.socket] = []
    peer = Parrot()

    def behave(connection: socket.socket) -> None:
        connections.append(connection)
        with contextlib.suppress(ConnectionResetError):
            peer(connection)
        closed.append(connection)

    with peers.listener(behave) as port:
        backend = RedisStateBackend(url=f"redis://127.0.0.1:{port}", **PATIENT)
        assert await backend.aget(TASK, "a") == "a"
        connections[0].sendall(b"$5\r\nwrong\r\n")
        await reached(lambda: closed == connections)
        assert await backend.aget(TASK, "b") == "b"
        for name in NAMES:
            assert await backend.aget(TASK, name) == name
        await backend.aclose()


async def test_bytes_that_are_no_reply_fail_what_is_under_way(
    link: AsyncLink, peer: Parrot
) -> None:
    with peer.holding(b"HGET"):
        calls = [link.exchange(hget(name), 1, time.monotonic() + 30) for name in NAMES]
        await reached(lambda: not link._outbox)
        link.data_received(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        outcomes = await asyncio.gather(*calls, return_exceptions=True)
    assert [type(outcome) for outcome in outcomes] == [BrokenError] * len(NAMES)


async def test_a_large_value_takes_a_connection_of_its_own_and_small_ones_pass_it(
    parroted: RedisStateBackend, peer: Parrot
) -> None:
    with peer.holding(b"HSET"):
        large = asyncio.create_task(parroted.aset(TASK, "large", "x" * 100_000))
        await reached(lambda: peer.connections == 2)
        assert await asyncio.gather(*(parroted.aget(TASK, name) for name in NAMES)) == NAMES
        assert not large.done()
    await large
    assert peer.connections == 2


async def test_what_the_lane_cannot_send_yet_takes_the_pool(
    parroted: RedisStateBackend, peer: Parrot
) -> None:
    calls: list[asyncio.Task[None]] = []
    value = "x" * 60_000
    with peer.holding(b"HSET"):
        deadline = time.monotonic() + PATIENCE
        while peer.connections == 1:
            assert time.monotonic() < deadline
            calls.append(asyncio.create_task(parroted.aset(TASK, "key", value)))
            await asyncio.sleep(0.001)
        assert await parroted.aget(TASK, "passes") == "passes"
        assert not any(call.done() for call in calls)
    assert await asyncio.gather(*calls) == [None] * len(calls)
    assert await parroted.aget(TASK, "again") == "again"
