"""A server that is far away, or busy with something large: no call fails while it answers."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from pydantic import SecretStr

from benchmarks.harness.delayed_wire import delayed_wire
from redis_state import RedisStateBackend, TaskScope
from redis_state.client._async.sentinels import AsyncSentinels
from redis_state.client._sync.sentinels import SyncSentinels
from redis_state.client.policy.attempts import SilenceError
from redis_state.client.policy.breaker import Breaker
from redis_state.config.settings import Settings
from redis_state.config.url import Server
from tests.client.crowds import Crowd
from tests.client.waiting import PATIENCE, wait_for
from tests.matrix import FIELD_FORM
from tests.support import peers
from tests.support.inside import async_node_of, node_of
from tests.support.methods import MODES
from tests.support.peers import Parrot
from tests.support.servers import Servers

TASK = TaskScope("dag", "run", "task")
# Between two pieces of a slow reply; and how much longer the server may say nothing, so that a
# busy machine does not make it silent.
PAUSE = 0.05
SILENCE: dict[str, Any] = {"timeout": 4.0, "breaker_after": 4.0, "budget": 30.0}

pytestmark = pytest.mark.timeout(60)


@pytest.fixture
def fast_lane() -> bool:
    return True


@pytest.fixture(params=MODES)
def mode(request: pytest.FixtureRequest) -> str:
    return str(request.param)


class SlowParrot(Parrot):
    """Answers a read of the field "large" in pieces, for as long or until it is told to hurry."""

    def __init__(self, lasts: float) -> None:
        super().__init__()
        self.is_slow = threading.Event()
        self.hurry = threading.Event()
        self._pieces = round(lasts / PAUSE)

    def __call__(self, connection: socket.socket) -> None:
        super().__call__(_Slowed(connection, self))  # type: ignore[arg-type]

    def send(self, connection: socket.socket, data: bytes) -> None:
        if not self.is_slow.is_set() or b"large" not in data:
            connection.sendall(data)
            return
        size = max(1, len(data) // self._pieces)
        for start in range(0, len(data), size):
            connection.sendall(data[start : start + size])
            self.hurry.wait(PAUSE)


class _Slowed:
    def __init__(self, connection: socket.socket, parrot: SlowParrot) -> None:
        self._connection = connection
        self._parrot = parrot

    def recv(self, size: int) -> bytes:
        return self._connection.recv(size)

    def sendall(self, data: bytes) -> None:
        self._parrot.send(self._connection, data)


def lane_of(backend: RedisStateBackend, mode: str) -> Any:
    return (async_node_of if mode == "async" else node_of)(backend)._lane


def breaker_of(backend: RedisStateBackend, mode: str) -> Breaker:
    return (async_node_of if mode == "async" else node_of)(backend).breaker


async def test_a_slow_reply_breaks_neither_the_lane_nor_the_breaker(mode: str) -> None:
    peer = SlowParrot(lasts=1.25 * SILENCE["timeout"])
    with peers.listener(peer) as port:
        backend = RedisStateBackend(url=f"redis://127.0.0.1:{port}", **SILENCE)
        crowd = Crowd(backend, mode)
        assert await crowd.run("get", [(TASK, "first")]) == ["first"]
        lane = lane_of(backend, mode)
        peer.is_slow.set()
        name = "large" * 100
        assert await crowd.run("get", [(TASK, name)]) == [name]
        assert lane_of(backend, mode) is lane
        assert not breaker_of(backend, mode).is_failing
        assert peer.connections == 1
        await crowd.close()


async def test_what_waits_behind_a_slow_reply_goes_to_the_pool_and_breaks_nothing() -> None:
    peer = SlowParrot(lasts=SILENCE["budget"])
    with peers.listener(peer) as port, ThreadPoolExecutor(2) as threads:
        backend = RedisStateBackend(url=f"redis://127.0.0.1:{port}", **SILENCE)
        assert backend.get(TASK, "first") == "first"
        lane = lane_of(backend, "sync")
        peer.is_slow.set()
        name = "large" * 100
        large = threads.submit(backend.get, TASK, name)
        wait_for(lambda: peer.reads()[-1] == [name.encode()])
        assert backend.get(TASK, "small") == "small"
        assert not large.done()
        peer.hurry.set()
        assert large.result(PATIENCE) == name
        assert lane_of(backend, "sync") is lane
        assert not breaker_of(backend, "sync").is_failing
        assert peer.connections == 2
        backend.close()


async def test_a_sentinel_that_is_far_away_is_waited_for(mode: str) -> None:
    master = peers.answer(b"*2\r\n$9\r\n127.0.0.1\r\n$4\r\n1234\r\n")
    with peers.listener(master) as near, delayed_wire(near, 0.12) as port:
        settings = Settings(url=SecretStr(f"redis+sentinel://127.0.0.1:{port}/service"))
        ends = time.monotonic() + PATIENCE

        async def locate() -> Server | None:
            # A busy machine may be silent for longer than a sentinel may.
            with contextlib.suppress(SilenceError):
                if mode == "async":
                    return await AsyncSentinels(settings).locate(ends)
                return SyncSentinels(settings).locate(ends)
            return None

        while (found := await locate()) is None:
            assert time.monotonic() < ends, "it was never waited for"
        assert found == Server("127.0.0.1", 1234)


@pytest.mark.parametrize(("callers", "calls"), [(200, 2)])
async def test_large_values_of_many_callers_reach_a_server_that_is_far_away(
    servers: Servers, mode: str, callers: int, calls: int
) -> None:
    with delayed_wire(servers[FIELD_FORM].port, 0.05) as port:
        # One after the other, the calls would take longer than the server may say nothing.
        silence = SILENCE | {"timeout": 10.0, "connect_timeout": 10.0, "breaker_after": 10.0}
        backend = RedisStateBackend(
            url=f"redis://127.0.0.1:{port}", namespace=f"distant-{mode}", **silence
        )
        crowd, value = Crowd(backend, mode), "x" * 60_000
        scopes = [TaskScope("dag", "run", "task", number) for number in range(callers)]
        for turn in range(calls):
            writes = [(scope, "key", f"{turn}{value}") for scope in scopes]
            assert await crowd.run("set", writes) == [None] * callers
        assert not breaker_of(backend, mode).is_failing
        found = await crowd.run("get", [(scope, "key") for scope in scopes])
        assert found == [f"{calls - 1}{value}"] * callers
        await crowd.run("clear", [(TASK,)])
        await crowd.close()
