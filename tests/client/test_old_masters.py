"""A master that was replaced takes writes for some seconds more: nobody stays with it so long."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator
from contextlib import ExitStack

import pytest
from hiredis import Reader

from redis_state import RedisStateBackend, TaskScope
from redis_state.client.policy import sentinels
from redis_state.testing import EmbeddedServer
from tests.matrix import FIELD_FORM
from tests.support import peers
from tests.support.methods import MODES, Methods
from tests.support.servers import server
from tests.support.waiting import PATIENT

TASK = TaskScope("dag", "run", "task")


class Sentinel:
    """Names one of its masters, or hangs up."""

    def __init__(self, masters: list[EmbeddedServer]) -> None:
        self.masters = masters
        self.named: EmbeddedServer | None = masters[0]

    def __call__(self, connection: socket.socket) -> None:
        commands = Reader(notEnoughData=None)
        while data := connection.recv(65_536):
            commands.feed(data)
            while commands.gets() is not None:
                if self.named is None:
                    return
                port = str(self.named.port).encode()
                reply = b"*2\r\n$9\r\n127.0.0.1\r\n$%d\r\n%b\r\n" % (len(port), port)
                connection.sendall(reply)


@pytest.fixture
def sentinel() -> Iterator[Sentinel]:
    with ExitStack() as stack:
        yield Sentinel([stack.enter_context(server(FIELD_FORM)) for _ in range(2)])


@pytest.fixture(params=MODES)
def methods(
    request: pytest.FixtureRequest, sentinel: Sentinel, fast_lane: bool
) -> Iterator[Methods]:
    with peers.listener(sentinel) as port:
        url = f"redis+sentinel://127.0.0.1:{port}/service/0"
        backend = RedisStateBackend(url=url, namespace="old", fast_lane=fast_lane, **PATIENT)
        yield Methods(backend, request.param)
        backend.close()


async def close(methods: Methods) -> None:
    if methods._is_async:
        await methods.backend.aclose()


@pytest.fixture
def asks_each_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sentinels, "NEWS", 0.0)


async def test_calls_turn_to_a_new_master_while_the_old_one_still_answers(
    methods: Methods, sentinel: Sentinel, asks_each_time: None
) -> None:
    await methods.set(TASK, "key", "1")
    sentinel.named = sentinel.masters[1]
    await methods.set(TASK, "key", "2")
    assert await methods.get(TASK, "key") == "2"
    assert holds(sentinel.masters[0]) == {"key": "1"}
    assert holds(sentinel.masters[1]) == {"key": "2"}
    await close(methods)


async def test_nobody_goes_back_to_a_connection_of_the_old_master(
    methods: Methods, sentinel: Sentinel, asks_each_time: None
) -> None:
    scopes = [TaskScope("dag", "run", f"task {number}") for number in range(20)]
    await asyncio.gather(*(methods.set(scope, "key", "1") for scope in scopes))
    sentinel.named = sentinel.masters[1]
    await asyncio.gather(*(methods.set(scope, "key", "2") for scope in scopes))
    await asyncio.gather(*(methods.set(scope, "key", "3") for scope in scopes))
    assert [holds(sentinel.masters[1], scope) for scope in scopes] == [{"key": "3"}] * 20
    await close(methods)


async def test_without_sentinels_the_master_that_is_known_goes_on(
    methods: Methods, sentinel: Sentinel, asks_each_time: None
) -> None:
    await methods.set(TASK, "key", "1")
    sentinel.named = None
    assert await methods.get(TASK, "key") == "1"
    await close(methods)


async def test_between_two_looks_the_sentinels_are_left_alone(
    methods: Methods, sentinel: Sentinel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sentinels, "NEWS", 3600.0)
    await methods.set(TASK, "key", "1")
    sentinel.named = sentinel.masters[1]
    await methods.set(TASK, "key", "2")
    assert holds(sentinel.masters[0]) == {"key": "2"}
    await close(methods)


def holds(master: EmbeddedServer, scope: TaskScope = TASK) -> dict[str, str]:
    backend = RedisStateBackend(url=master.url, namespace="old", **PATIENT)
    found = {key: entry.value for key, entry in backend.entries(scope).items()}
    backend.close()
    return found
