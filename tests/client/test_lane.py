"""Calls made at the same time: together on the lane or each by itself, in both modes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import redis

from redis_state import OperationTimeoutError, RedisStateBackend, TaskScope
from tests.client.crowds import Crowd
from tests.client.waiting import reached
from tests.matrix import FIELD_FORM
from tests.support import peers
from tests.support.methods import MODES
from tests.support.servers import Servers
from tests.support.waiting import PATIENT

TASK = TaskScope("dag", "run", "task")
# A map index makes the methods take scripts, on servers of each form.
MAPPED = TaskScope("dag", "run", "task", 5)
PUSH = b">2\r\n$10\r\ninvalidate\r\n*1\r\n$1\r\nx\r\n"
NAMES = [str(number) for number in range(30)]
READS = [(TASK, name) for name in NAMES]

pytestmark = pytest.mark.timeout(60)

Make = Callable[..., Crowd]


@pytest.fixture(params=MODES)
def mode(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def crowd_at(mode: str, fast_lane: bool) -> Make:
    def make(port: int, **options: Any) -> Crowd:
        url = f"redis://127.0.0.1:{port}"
        return Crowd(RedisStateBackend(url=url, fast_lane=fast_lane, **PATIENT | options), mode)

    return make


async def test_each_of_many_calls_gets_the_reply_of_its_own_commands(
    backend: RedisStateBackend, mode: str
) -> None:
    crowd = Crowd(backend, mode)
    scopes = [TaskScope("dag", "run", "task", number) for number in range(-1, 30)]
    for turn in range(10):
        values = [{name: f"{scope.map_index} {turn} {name}" for name in "abc"} for scope in scopes]
        pairs = list(zip(scopes, values, strict=True))
        done = await crowd.run("set_many", pairs)
        assert done == [None] * len(pairs)
        one = await crowd.run("get", [(scope, "b") for scope in scopes])
        assert one == [own["b"] for own in values]
        some = await crowd.run("get_many", [(scope, ["c", "never", "a"]) for scope in scopes])
        assert some == [{"c": own["c"], "a": own["a"]} for own in values]
        await crowd.run("delete", [(scope, "a") for scope in scopes])
        entries = await crowd.run("entries", [(scope,) for scope in scopes])
        assert [{key: entry.value for key, entry in found.items()} for found in entries] == [
            {"b": own["b"], "c": own["c"]} for own in values
        ]
    await crowd.run("clear", [(scope,) for scope in scopes])
    await crowd.close()


async def test_every_call_to_a_server_that_falls_silent_ends_with_its_budget(
    crowd_at: Make,
) -> None:
    peer = peers.Parrot()
    with peers.listener(peer) as port:
        crowd = crowd_at(port, budget=5.0, timeout=1.2, breaker_after=0)
        assert await crowd.run("get", READS[:1]) == NAMES[:1]
        with peer.holding(b"HGET"):
            outcomes = await crowd.run("get", READS)
        assert [type(outcome) for outcome in outcomes] == [OperationTimeoutError] * len(READS)
        assert len({id(outcome) for outcome in outcomes}) == len(READS)
        assert await crowd.run("get", READS) == NAMES
        await crowd.close()


@pytest.mark.parametrize("replies", range(3, 13))
async def test_a_connection_that_is_cut_between_replies_costs_no_call(
    crowd_at: Make, servers: Servers, replies: int
) -> None:
    with peers.cutting_proxy(servers[FIELD_FORM].port, 3 + replies) as port:
        crowd = crowd_at(port, namespace=f"cut-{replies}", pool_size=4)
        scopes = [TaskScope("dag", "run", "task", number) for number in range(20)]
        for turn in "12":
            done = await crowd.run(
                "set", [(scope, "key", scope.task_id + turn) for scope in scopes]
            )
            assert done == [None] * len(scopes)
            values = [
                (scope, str(scope.map_index), f"{turn} {scope.map_index}") for scope in scopes
            ]
            assert await crowd.run("set", values) == [None] * len(scopes)
            seen = await crowd.run("get", [(scope, key) for scope, key, _ in values])
            assert seen == [value for _, _, value in values]
        await crowd.run("clear", [(TASK,)])
        await crowd.close()


async def test_what_the_server_pushes_is_no_reply(crowd_at: Make) -> None:
    with peers.listener(peers.Parrot(unasked=PUSH)) as port:
        crowd = crowd_at(port)
        for _ in range(3):
            assert await crowd.run("get", READS) == NAMES
        await crowd.close()


async def test_calls_that_are_under_way_when_the_backend_is_closed_succeed(crowd_at: Make) -> None:
    peer = peers.Parrot()
    with peers.listener(peer) as port:
        crowd = crowd_at(port)
        assert await crowd.run("get", READS) == NAMES
        with peer.holding(b"HGET"):
            calls = crowd.begin("get", READS)
            await reached(lambda: len(peer.reads()) > 1)
            await crowd.close()
        assert await calls == NAMES
        await crowd.close()
        opened = peer.connections
        assert await crowd.run("get", READS[:1]) == NAMES[:1]
        assert peer.connections == opened + 1
        await crowd.close()


async def test_a_value_of_twenty_megabytes_comes_back_beside_small_ones(
    make_backend: Callable[..., RedisStateBackend], mode: str
) -> None:
    backend = make_backend(max_value_bytes=30_000_000, budget=30.0, timeout=30.0)
    crowd, large = Crowd(backend, mode), "x" * 20_000_000
    writes = [(TASK, "large", large), *((TASK, name, name) for name in NAMES)]
    assert await crowd.run("set", writes) == [None] * len(writes)
    outcomes = await crowd.run("get", [(TASK, "large"), *READS, (TASK, "large")])
    assert outcomes[1:-1] == NAMES
    assert [len(outcomes[0]), len(outcomes[-1])] == [len(large)] * 2
    await crowd.close()


async def test_scripts_that_the_server_lost_are_sent_again_for_all(
    backend: RedisStateBackend, mode: str, raw: redis.Redis
) -> None:
    crowd = Crowd(backend, mode)
    for method, more in (("set", ("1",)), ("delete", ()), ("clear", ())):
        raw.script_flush()
        arguments = (MAPPED,) if method == "clear" else (MAPPED, "key", *more)
        assert await crowd.run(method, [arguments] * 20) == [None] * 20
        assert await crowd.run("get", [(MAPPED, "key")]) == ["1" if method == "set" else None]
    await crowd.close()
