"""Names that are slow to look up, and names of many addresses: a call ends with its budget."""

from __future__ import annotations

import asyncio
import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any, TypeAlias

import pytest

from redis_state import RedisStateBackend, StateStoreError, TaskScope, UnavailableError
from redis_state.client.io import lookups
from redis_state.client.policy.attempts import UnresolvedError
from redis_state.config.url import Server
from redis_state.testing import EmbeddedServer
from tests.client.waiting import reached, wait_for
from tests.matrix import FIELD_FORM
from tests.support import servers
from tests.support.budgets import few_attempts
from tests.support.methods import MODES, Methods
from tests.support.waiting import PATIENT

TASK = TaskScope("dag", "run", "task")
NAME = "state.invalid"
BUDGET = 0.6
# A resolver hangs for as long as the test, and no longer than this; a call ends well before.
HANGS = 20.0
WELL_BEFORE = 12.0

Make: TypeAlias = Callable[..., Methods]

pytestmark = pytest.mark.timeout(90)


class Resolver:
    """Answers for names in place of the system's: with addresses, or not before it is let."""

    def __init__(self) -> None:
        self.addresses: dict[str, list[str]] = {}
        self.asked: list[str] = []
        self.let = threading.Event()
        self._system = socket.getaddrinfo

    def __call__(self, host: Any, port: Any, *args: Any, **options: Any) -> Any:
        if not str(host).endswith(".invalid") or options.get("flags"):
            return self._system(host, port, *args, **options)
        self.asked.append(host)
        if host not in self.addresses:
            self.let.wait(HANGS)
            raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")
        return [
            found
            for address in self.addresses[host]
            for found in self._system(address, port, type=socket.SOCK_STREAM)
        ]


@pytest.fixture
def resolver(monkeypatch: pytest.MonkeyPatch) -> Iterator[Resolver]:
    resolver = Resolver()
    monkeypatch.setattr(socket, "getaddrinfo", resolver)
    yield resolver
    resolver.let.set()
    # The next test asks for the same names.
    wait_for(lambda: not lookups._lookups._under_way)


@pytest.fixture(params=MODES)
def methods_at(request: pytest.FixtureRequest) -> Make:
    def make(url: str, **options: Any) -> Methods:
        return Methods(RedisStateBackend(url=url, **({"budget": BUDGET} | options)), request.param)

    return make


@pytest.fixture
def running() -> Iterator[EmbeddedServer]:
    with servers.server(FIELD_FORM) as running:
        yield running


async def close(methods: Methods) -> None:
    await methods.backend.aclose()
    methods.backend.close()


@pytest.mark.parametrize(
    "url",
    [
        f"redis://{NAME}:6379",
        f"redis+sentinel://{NAME},also.invalid/service",
        f"redis+cluster://{NAME},also.invalid",
    ],
    ids=["one server", "sentinels", "cluster"],
)
async def test_a_resolver_that_hangs_does_not_outlast_the_budget(
    methods_at: Make, resolver: Resolver, url: str
) -> None:
    methods, begun = methods_at(url, **PATIENT | {"connect_timeout": 0.1}), time.monotonic()
    in_time = pytest.raises(UnavailableError, match=r"\.invalid was not looked up in time")
    with few_attempts(), in_time:
        await methods.get(TASK, "key")
    health = await methods._call("health")
    assert health.verdict == "failure"
    await close(methods)
    hasty = methods_at(url)
    with pytest.raises(UnavailableError):
        await hasty.get(TASK, "key")
    await close(hasty)
    assert time.monotonic() - begun < WELL_BEFORE


async def test_calls_of_a_loop_leave_its_threads_to_others(resolver: Resolver) -> None:
    backend = RedisStateBackend(url=f"redis://{NAME}:6379", budget=BUDGET, breaker_after=0)
    calls = [asyncio.create_task(backend.aget(TASK, "key")) for _ in range(40)]
    await reached(lambda: bool(resolver.asked))
    begun = time.monotonic()
    await asyncio.to_thread(int)
    assert time.monotonic() - begun < WELL_BEFORE
    ended = await asyncio.gather(*calls, return_exceptions=True)
    assert all(isinstance(each, UnavailableError) for each in ended)
    await backend.aclose()


def looked_up_in_vain(host: str) -> None:
    with pytest.raises(UnresolvedError):
        lookups.look_up(Server(host), time.monotonic())


def test_who_asks_for_the_same_name_meanwhile_waits_for_the_same_answer(
    resolver: Resolver,
) -> None:
    for _ in range(20):
        looked_up_in_vain(NAME)
    wait_for(lambda: bool(resolver.asked))
    assert resolver.asked == [NAME]


def test_an_answer_that_came_is_not_kept(resolver: Resolver) -> None:
    for address in ("127.0.0.1", "127.0.0.2"):
        resolver.addresses[NAME] = [address]
        ((*_, found),) = lookups.look_up(Server(NAME, 1), time.monotonic() + WELL_BEFORE)
        assert found == (address, 1)


def test_a_lookup_that_hangs_for_long_does_not_hold_up_the_next(
    resolver: Resolver, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked_up_in_vain(NAME)
    wait_for(lambda: resolver.asked == [NAME])
    resolver.addresses[NAME] = ["127.0.0.1"]
    monkeypatch.setattr(lookups, "_SHARED", 0.0)
    assert lookups.look_up(Server(NAME), time.monotonic() + WELL_BEFORE)


def test_lookups_that_hang_do_not_pile_up(resolver: Resolver) -> None:
    before = threading.active_count()
    for number in range(100):
        looked_up_in_vain(f"{number}.invalid")
    assert threading.active_count() - before <= lookups._MOST
    wait_for(lambda: len(resolver.asked) == lookups._MOST)
    # Who writes an address has no need of them.
    assert lookups.look_up(Server("127.0.0.1"), time.monotonic())
    assert lookups.look_up(Server("::1"), time.monotonic())
    resolver.let.set()
    wait_for(lambda: threading.active_count() <= before)
    resolver.addresses[NAME] = ["127.0.0.1"]
    assert lookups.look_up(Server(NAME), time.monotonic() + WELL_BEFORE)


def test_where_no_thread_can_be_had_the_caller_looks_up(
    resolver: Resolver, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_: threading.Thread) -> None:
        raise RuntimeError("can't create new thread at interpreter shutdown")

    resolver.addresses[NAME] = ["127.0.0.1"]
    monkeypatch.setattr(threading.Thread, "start", refuse)
    assert lookups.look_up(Server(NAME), time.monotonic() + WELL_BEFORE)


def test_a_lookup_that_is_interrupted_at_its_start_is_forgotten(
    resolver: Resolver, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(_: threading.Thread) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", interrupt)
        with pytest.raises(KeyboardInterrupt):
            lookups.look_up(Server(NAME), time.monotonic() + WELL_BEFORE)
    resolver.addresses[NAME] = ["127.0.0.1"]
    assert lookups.look_up(Server(NAME), time.monotonic() + WELL_BEFORE)


@pytest.mark.timeout(20)
def test_a_signal_s_handler_may_look_up_while_a_lookup_begins(resolver: Resolver) -> None:
    resolver.addresses[NAME] = ["127.0.0.1"]
    with lookups._lookups._lock:
        meanwhile = lookups._lookups.of(NAME, 1)
    wait_for(lambda: meanwhile._answer is not None)
    assert meanwhile.addresses()


async def test_a_name_that_nobody_knows_is_named(methods_at: Make, resolver: Resolver) -> None:
    resolver.let.set()
    methods = methods_at(f"redis://{NAME}:6379")
    with pytest.raises(UnavailableError, match=rf"{NAME} could not be looked up: Temporary fail"):
        await methods.get(TASK, "key")
    await close(methods)


async def test_a_name_that_can_be_none_is_named(methods_at: Make) -> None:
    methods = methods_at("redis://two..dots.invalid:6379")
    with pytest.raises(UnavailableError, match=r"two\.\.dots\.invalid could not be looked up"):
        await methods.get(TASK, "key")
    await close(methods)


@pytest.fixture
def silent(running: EmbeddedServer) -> Iterator[list[str]]:
    """Give eight addresses at which the server's port takes no connection, and refuses none."""
    with ExitStack() as stack:
        addresses = [f"127.0.0.{number}" for number in range(2, 10)]
        for address in addresses:
            full = stack.enter_context(socket.socket())
            full.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            full.bind((address, running.port))
            full.listen(0)
            for _ in range(3):
                waiting = stack.enter_context(socket.socket())
                waiting.setblocking(False)
                waiting.connect_ex((address, running.port))
        yield addresses


async def test_silent_addresses_of_a_name_are_passed_over(
    methods_at: Make, resolver: Resolver, running: EmbeddedServer, silent: list[str]
) -> None:
    resolver.addresses[NAME] = [*silent, "127.0.0.1"]
    methods = methods_at(f"redis://{NAME}:{running.port}", **PATIENT)
    await methods.set(TASK, "key", "1")
    assert await methods.get(TASK, "key") == "1"
    await close(methods)


async def test_addresses_that_refuse_are_passed_over(
    methods_at: Make, resolver: Resolver, running: EmbeddedServer
) -> None:
    resolver.addresses[NAME] = ["127.0.0.2", "127.0.0.3", "127.0.0.1"]
    methods = methods_at(f"redis://{NAME}:{running.port}", **PATIENT)
    await methods.set(TASK, "key", "1")
    assert await methods.get(TASK, "key") == "1"
    resolver.addresses[NAME].pop()
    await close(methods)
    with few_attempts(), pytest.raises(UnavailableError, match="Connection refused"):
        await methods_at(f"redis://{NAME}:{running.port}", **PATIENT).get(TASK, "key")


async def test_silent_addresses_alone_do_not_outlast_the_budget(
    methods_at: Make, resolver: Resolver, running: EmbeddedServer, silent: list[str]
) -> None:
    resolver.addresses[NAME] = silent
    methods, begun = (
        methods_at(
            f"redis://{NAME}:{running.port}", budget=2.0, breaker_after=0, connect_timeout=2.0
        ),
        time.monotonic(),
    )
    with pytest.raises(UnavailableError, match="did not answer within the budget"):
        await methods.get(TASK, "key")
    # One after the other, each with the time of all, they would take eight times as long.
    assert time.monotonic() - begun < 4 * 2.0
    await close(methods)


def test_the_child_of_a_fork_looks_up_by_itself(
    resolver: Resolver, running: EmbeddedServer
) -> None:
    url = f"redis://{NAME}:{running.port}"
    backend = RedisStateBackend(url=url, **PATIENT)
    hasty = RedisStateBackend(url=url, budget=BUDGET)
    waiting = threading.Thread(target=_read_in_vain, args=(hasty,))
    waiting.start()
    wait_for(lambda: bool(resolver.asked))
    child = os.fork()
    if child == 0:
        status = 1
        try:
            resolver.addresses[NAME] = ["127.0.0.1"]
            status = 0 if backend.get(TASK, "key") is None else 2
        finally:
            os._exit(status)
    _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == 0
    resolver.let.set()
    waiting.join()


def _read_in_vain(backend: RedisStateBackend) -> None:
    with pytest.raises(StateStoreError):
        backend.get(TASK, "key")
