"""Writes that wait for replicas or the disk, and what is told when these do not confirm."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any, TypeAlias

import pytest

from redis_state import (
    AssetScope,
    DurabilityError,
    MisconfiguredError,
    RedisStateBackend,
    RedisWorkerBackend,
    TaskScope,
)
from redis_state.format import layout, references
from tests.client.waiting import PATIENCE, reached
from tests.matrix import FETCHED, FIELD_FORM, ON_PATH, ONE_OF_EACH_FORM
from tests.support import servers
from tests.support.clusters import Cluster
from tests.support.freezing import frozen
from tests.support.methods import MODES, Methods
from tests.support.nodes import Node
from tests.support.replicated import Replicated, SentinelTrio

TASK = TaskScope("dag", "run", "task")
MAPPED = TaskScope("dag", "run", "task", 3)
ASSET = AssetScope(asset_id=7)
BY_NAME = AssetScope(name="orders")
# Long enough for a replica beside us, on a busy machine, too.
PATIENT: dict[str, Any] = {
    "durability": "replicas:1",
    "durability_timeout": 20.0,
    "timeout": 25.0,
    "connect_timeout": 25.0,
    "budget": 30.0,
}
HASTY: dict[str, Any] = PATIENT | {"durability_timeout": 0.05}
WITH_WAITAOF = (*(name for name in FETCHED if name != "redis62"), "valkey91")
WITHOUT_WAITAOF = (*FETCHED[:1], *(("path",) if ON_PATH else ()))
NOT_CONFIRMED = "The write was made, but 0 of 1 replicas confirmed it"

Make: TypeAlias = Callable[..., Methods]
Write: TypeAlias = Callable[[Methods], Awaitable[None]]

pytestmark = pytest.mark.timeout(120)


@pytest.fixture(params=MODES)
def mode(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def methods_at(mode: str) -> Make:
    def make(url: str, **options: Any) -> Methods:
        defaults = {"budget": 30.0, "timeout": 10.0, "connect_timeout": 10.0}
        return Methods(RedisStateBackend(url=url, **defaults | options), mode)

    return make


@pytest.fixture(scope="module", params=ONE_OF_EACH_FORM)
def replicated(request: pytest.FixtureRequest) -> Iterator[Replicated]:
    with Replicated(request.param) as replicated:
        yield replicated


@pytest.fixture
def replica(replicated: Replicated) -> Iterator[Node]:
    """Give the replica of a pair that holds nothing."""
    replicated.master.ask("FLUSHALL")
    (replica,) = replicated.replicas
    yield replica
    replicated.mend_replication()
    replicated.wait_until_replicated()


async def close(methods: Methods) -> None:
    await methods.backend.aclose()
    methods.backend.close()


def document(scope: TaskScope | AssetScope, key: str) -> str:
    return json.dumps({"__airflow_state_ref__": references.refer(scope, key)})


def in_an_hour() -> datetime:
    return datetime.now(UTC) + timedelta(hours=1)


WRITES: dict[str, Write] = {
    "set": lambda methods: methods.set(TASK, "key", "2"),
    "set with an expiry": lambda methods: methods.set(TASK, "key", "2", expires_at=in_an_hour()),
    "set of an asset": lambda methods: methods.set(ASSET, "key", "2"),
    "set_many": lambda methods: methods.set_many(TASK, {"key": "2", "other": "2"}),
    "delete": lambda methods: methods.delete(TASK, "key"),
    "delete of an asset": lambda methods: methods.delete(ASSET, "key"),
    "clear": lambda methods: methods.clear(TASK),
    "clear of a map index": lambda methods: methods.clear(MAPPED),
    "clear of all map indices": lambda methods: methods.clear(MAPPED, all_map_indices=True),
    "clear of an asset": lambda methods: methods.clear(ASSET),
    "set of a reference": lambda methods: methods.set(TASK, "key", document(TASK, "key")),
    "set of an asset's reference": lambda methods: methods.set(
        ASSET, "key", document(BY_NAME, "key")
    ),
    "set over an asset's reference": lambda methods: methods.set(ASSET, "referred", "2"),
    "delete of an asset's reference": lambda methods: methods.delete(ASSET, "referred"),
    "clear of an asset with references": lambda methods: methods.clear(ASSET),
}


async def prepare(methods: Methods, url: str) -> None:
    """Write what the methods find, without waiting for anything."""
    for scope in (TASK, MAPPED, ASSET):
        await methods.set(scope, "key", "1")
    worker = RedisWorkerBackend(url=url, **PATIENT | {"durability": "memory"})
    reference = worker.serialize_asset_state_store_to_ref(value=1, key="key", scope=BY_NAME)
    await methods.set(ASSET, "referred", json.dumps({"__airflow_state_ref__": reference}))
    worker.serialize_asset_state_store_to_ref(value=1, key="key", scope=BY_NAME)
    worker.serialize_task_state_store_to_ref(value=1, key="key", scope=TASK)
    worker.close()


@pytest.fixture
async def written(replicated: Replicated, replica: Node, methods_at: Make) -> None:
    methods = methods_at(replicated.url)
    await prepare(methods, replicated.url)
    await close(methods)


def waits(node: Node) -> int:
    told = node.info("commandstats").get("cmdstat_wait", "calls=0")
    return int(told.partition("calls=")[2].partition(",")[0])


def held(node: Node) -> dict[str, dict[str, int]]:
    """Return the fields that a server holds, and how long their values are."""
    pages = {page: sorted(node.ask("HKEYS", page)) for page in node.ask("KEYS", "*")}
    return {
        page: {field: node.ask("HSTRLEN", page, field) for field in fields}
        for page, fields in pages.items()
    }


@pytest.mark.parametrize("write", WRITES.values(), ids=list(WRITES))
async def test_a_write_that_has_ended_is_on_the_replica(
    replicated: Replicated, replica: Node, written: None, methods_at: Make, write: Write
) -> None:
    methods = methods_at(replicated.url, **PATIENT)
    waited = waits(replicated.master)
    await write(methods)
    assert held(replica) == held(replicated.master)
    assert waits(replicated.master) > waited
    await close(methods)


async def test_a_write_that_no_replica_confirms_is_an_error_and_made_to_its_end(
    replicated: Replicated, replica: Node, methods_at: Make
) -> None:
    replicated.break_replication()
    methods, plain = methods_at(replicated.url, **HASTY), methods_at(replicated.url)
    for name, write in WRITES.items():
        await prepare(plain, replicated.url)
        with pytest.raises(DurabilityError, match=NOT_CONFIRMED):
            await write(methods)
        made = held(replicated.master)
        await write(plain)
        assert held(replicated.master) == made, name
    for each in (methods, plain):
        await close(each)


async def test_reads_wait_for_nothing(
    replicated: Replicated, written: None, methods_at: Make
) -> None:
    methods = methods_at(replicated.url, **HASTY)
    before = waits(replicated.master)
    assert await methods.get(TASK, "key") == "1"
    assert await methods.get_many(TASK, ["key", "other"]) == {"key": "1"}
    assert list(await methods.entries(TASK)) == ["key"]
    assert waits(replicated.master) == before
    await close(methods)


async def test_a_worker_s_payload_waits_as_well(replicated: Replicated, replica: Node) -> None:
    worker = RedisWorkerBackend(url=replicated.url, **PATIENT)
    worker.serialize_task_state_store_to_ref(value={"rows": 3}, key="key", scope=TASK)
    assert held(replica) == held(replicated.master) != {}
    worker.close()


async def test_a_worker_is_told_of_a_payload_that_is_not_safe(
    replicated: Replicated, replica: Node
) -> None:
    replicated.break_replication()
    worker = RedisWorkerBackend(url=replicated.url, **HASTY)
    with pytest.raises(DurabilityError, match=NOT_CONFIRMED):
        worker.serialize_task_state_store_to_ref(value={"rows": 3}, key="key", scope=TASK)
    assert worker.get(TASK, "key") == '{"rows": 3}'
    worker.close()


async def test_a_replica_that_hangs_confirms_nothing_and_the_value_stands(
    replicated: Replicated, replica: Node, methods_at: Make
) -> None:
    methods = methods_at(replicated.url, **HASTY)
    with frozen(replica):
        with pytest.raises(DurabilityError, match=NOT_CONFIRMED + r" within 0\.05 s"):
            await methods.set(TASK, "key", "1")
        assert await methods.get(TASK, "key") == "1"
    await close(methods)


async def test_more_replicas_than_there_are_cannot_confirm(
    replicated: Replicated, replica: Node, methods_at: Make
) -> None:
    methods = methods_at(replicated.url, durability="replicas:2", durability_timeout=4.0)
    with pytest.raises(DurabilityError, match="1 of 2 replicas confirmed it"):
        await methods.set(TASK, "key", "1")
    assert await methods.get(TASK, "key") == "1"
    await close(methods)


async def test_a_server_that_has_lost_the_scripts_is_waited_for_once(
    replicated: Replicated, methods_at: Make
) -> None:
    methods = methods_at(replicated.url, durability="replicas:2", durability_timeout=0.5)
    replicated.master.ask("SCRIPT", "FLUSH")
    with pytest.raises(DurabilityError, match="replicas confirmed it"):
        await methods.set(TASK, "key", "1")
    await close(methods)


@pytest.mark.parametrize(("silence", "budget"), [(20.0, 6.0), (4.0, 20.0)])
async def test_the_wait_ends_within_the_budget_so_that_the_error_says_what_is_missing(
    replicated: Replicated, replica: Node, methods_at: Make, silence: float, budget: float
) -> None:
    replicated.break_replication()
    methods = methods_at(replicated.url, durability="replicas:1", timeout=silence, budget=budget)
    with pytest.raises(DurabilityError, match=NOT_CONFIRMED):
        await methods.set(TASK, "key", "1")
    await close(methods)


async def test_others_go_on_while_a_write_waits(
    replicated: Replicated, written: None, methods_at: Make
) -> None:
    replicated.break_replication()
    long = {"durability_timeout": 2 * PATIENCE, "budget": 3 * PATIENCE}
    methods = methods_at(replicated.url, **PATIENT | long)
    with ThreadPoolExecutor(1) as threads:
        write = asyncio.ensure_future(in_background(threads, methods))
        await reached(lambda: blocked(replicated.master) == 1)
        for _ in range(20):
            assert await methods.get(MAPPED, "key") == "1"
        assert not write.done()
        replicated.mend_replication()
        await write
    await close(methods)


def in_background(threads: ThreadPoolExecutor, methods: Methods) -> Awaitable[Any]:
    """Begin a write in a way that leaves the loop to the test."""
    if methods._is_async:
        return methods.set(TASK, "key", "2")
    loop = asyncio.get_running_loop()
    return loop.run_in_executor(threads, methods.backend.set, TASK, "key", "2")


def blocked(node: Node) -> int:
    return int(node.info("clients")["blocked_clients"])


@pytest.mark.parametrize("name", WITH_WAITAOF)
@pytest.mark.parametrize("policy", ["always", "everysec"])
async def test_a_write_that_has_ended_is_on_the_disk(
    name: str, policy: str, methods_at: Make
) -> None:
    with servers.server(name, "--appendonly", "yes", "--appendfsync", policy) as running:
        methods = methods_at(
            running.url, durability="aof", timeout=25.0, durability_timeout=20.0, budget=30.0
        )
        await methods.set(TASK, "key", "1")
        await methods.set_many(TASK, {"other": "2"})
        running.kill()
        running.start()
        assert await methods.get_many(TASK, ["key", "other"]) == {"key": "1", "other": "2"}
        await close(methods)


async def test_a_disk_that_is_never_waited_for_confirms_nothing(methods_at: Make) -> None:
    with servers.server(FIELD_FORM, "--appendonly", "yes", "--appendfsync", "no") as running:
        methods = methods_at(running.url, **HASTY | {"durability": "aof"})
        with pytest.raises(DurabilityError, match="The write was made.*on disk"):
            await methods.set(TASK, "key", "1")
        assert await methods.get(TASK, "key") == "1"
        await close(methods)


@pytest.mark.parametrize("name", WITH_WAITAOF)
async def test_a_server_without_an_append_only_file_is_told_to_have_one(
    name: str, methods_at: Make
) -> None:
    with servers.server(name, "--appendonly", "no") as running:
        methods = methods_at(running.url, durability="aof")
        with pytest.raises(MisconfiguredError, match="switch appendonly on; the write was made"):
            await methods.set(TASK, "key", "1")
        assert await methods.get(TASK, "key") == "1"
        await close(methods)


@pytest.mark.parametrize("name", WITHOUT_WAITAOF)
async def test_a_server_that_cannot_wait_for_its_disk_is_told_so(
    name: str, methods_at: Make
) -> None:
    with servers.server(name, "--appendonly", "yes") as running:
        methods = methods_at(running.url, durability="aof")
        with pytest.raises(MisconfiguredError, match="aof needs Redis 7.2.*WAITAOF"):
            await methods.set(TASK, "key", "1")
        assert await methods.get(TASK, "key") == "1"
        await close(methods)


async def test_with_sentinels_the_master_s_replicas_confirm(methods_at: Make) -> None:
    with SentinelTrio(FIELD_FORM, down_after=15_000) as trio:
        methods, hasty = methods_at(trio.url, **PATIENT), methods_at(trio.url, **HASTY)
        (replica,) = trio.replicas
        await methods.set(TASK, "key", "1")
        assert held(replica) == held(trio.master) != {}
        with frozen(replica):
            with pytest.raises(DurabilityError, match=NOT_CONFIRMED):
                await hasty.set(TASK, "key", "2")
            assert await hasty.get(TASK, "key") == "2"
        for each in (methods, hasty):
            await close(each)


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    with Cluster(FIELD_FORM, node_timeout=15_000) as cluster:
        yield cluster


async def test_in_a_cluster_the_replica_of_the_slot_s_master_confirms(
    cluster: Cluster, methods_at: Make
) -> None:
    methods, hasty = methods_at(cluster.url, **PATIENT), methods_at(cluster.url, **HASTY)
    scopes = [TaskScope("dag", "run", f"task {number}") for number in range(12)]
    masters = {scope: cluster.owner(layout.place("airflow", scope).page) for scope in scopes}
    assert set(masters.values()) == set(cluster.masters)
    for scope in scopes:
        await methods.set(scope, "key", "1")
    with frozen(cluster.replica_of(cluster.masters[0])):
        for scope, master in masters.items():
            if master is cluster.masters[0]:
                with pytest.raises(DurabilityError, match=NOT_CONFIRMED):
                    await hasty.set(scope, "key", "2")
            else:
                await methods.set(scope, "key", "2")
            assert await methods.get(scope, "key") == "2"
    for each in (methods, hasty):
        await close(each)
