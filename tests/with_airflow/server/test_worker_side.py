"""Both plug points together, and the worker side over Airflow's own store."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import redis
from airflow.sdk.exceptions import AirflowRuntimeError
from airflow.sdk.execution_time import context
from airflow.sdk.execution_time.context import (
    NEVER_EXPIRE,
    AssetStateStoreAccessor,
    TaskStateStoreAccessor,
)
from airflow.sdk.state import TaskScope

from redis_state import AssetScope, RedisWorkerBackend
from redis_state.format import layout
from redis_state.format.layout import Place
from tests.with_airflow.server.airflow_home import NAMESPACE, ApiServer, Home
from tests.with_airflow.server.metadata import Asset, Metadata
from tests.with_airflow.server.supervision import supervised
from tests.with_airflow.server.tasks import Task
from tests.with_airflow.server.values import KEYS, VALUES

SIDES = ("redis-state", "metastore")
ON_REDIS = pytest.mark.parametrize("server_side", ["redis-state"], indirect=True)
ON_METASTORE = pytest.mark.parametrize("server_side", ["metastore"], indirect=True)


@pytest.fixture(scope="module")
def metastore_api(home: Home, metadata: Metadata) -> Iterator[ApiServer]:
    backend = "airflow.state.metastore.MetastoreBackend"
    with ApiServer(home, AIRFLOW__STATE_STORE__BACKEND=backend) as running:
        yield running


@pytest.fixture(params=SIDES)
def server_side(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def task(
    server_side: str, request: pytest.FixtureRequest, home: Home, metadata: Metadata, plain: Any
) -> Iterator[Task]:
    name = "api" if server_side == "redis-state" else "metastore_api"
    with Task(home, request.getfixturevalue(name).url, metadata.instance()) as task:
        yield task


@pytest.fixture
def worker(home: Home, monkeypatch: pytest.MonkeyPatch) -> Iterator[RedisWorkerBackend]:
    """Configure the worker side as an operator does, and give what Airflow makes of that."""
    backend = "redis_state.RedisWorkerBackend"
    monkeypatch.setenv("AIRFLOW__WORKERS__STATE_STORE_BACKEND", backend)
    monkeypatch.setenv("AIRFLOW__REDIS_STATE__URL", home.redis_url)
    context._get_worker_state_store_backend.cache_clear()
    made = context._get_worker_state_store_backend()
    yield made
    made.close()
    context._get_worker_state_store_backend.cache_clear()


@pytest.fixture
def state(worker: RedisWorkerBackend, task: Task) -> Iterator[TaskStateStoreAccessor]:
    scope = task.instance.scope
    own = TaskScope(scope.dag_id, scope.run_id, scope.task_id, scope.map_index)
    with supervised(task):
        yield TaskStateStoreAccessor(task.instance.id, own)


@pytest.fixture(params=["name", "uri"])
def of_asset(
    request: pytest.FixtureRequest, worker: RedisWorkerBackend, task: Task, asset: Asset
) -> Iterator[AssetStateStoreAccessor]:
    with supervised(task):
        yield AssetStateStoreAccessor(**{request.param: getattr(asset, request.param)})


def payload_place(task: Task) -> Place:
    return layout.place(NAMESPACE, task.instance.scope, of_worker=True)


def lifetimes(plain: redis.Redis, task: Task, key: str) -> list[int]:
    """Return the server's deadlines of the reference and of the payload, in ms; -2 for absent."""
    places = [layout.place(NAMESPACE, task.instance.scope), payload_place(task)]
    return [
        plain.execute_command("HPEXPIRETIME", place.page, "FIELDS", 1, place.field(key))[0]
        for place in places
    ]


@pytest.mark.parametrize("value", VALUES.values(), ids=list(VALUES))
def test_a_task_finds_its_value_as_it_was(state: TaskStateStoreAccessor, value: Any) -> None:
    state.set("key", value)
    assert json.dumps(state.get("key")) == json.dumps(value)


def test_a_task_may_use_any_key_that_the_server_side_takes(
    state: TaskStateStoreAccessor, server_side: str
) -> None:
    # PostgreSQL has no NUL in a text.
    keys_taken = [key for key in KEYS.values() if server_side in SIDES[:1] or "\0" not in key]
    for number, key in enumerate(keys_taken):
        state.set(key, number)
    assert [state.get(key) for key in keys_taken] == list(range(len(keys_taken)))


def test_a_large_value_never_passes_the_api_server(
    state: TaskStateStoreAccessor, task: Task, plain: redis.Redis
) -> None:
    state.set("key", "x" * 5_000_000)
    assert state.get("key") == "x" * 5_000_000
    assert len(str(task.get("key"))) < 1_000
    place = payload_place(task)
    assert plain.hstrlen(place.page, "key") > 5_000_000


def test_a_deletion_and_a_clear_leave_no_payload(
    state: TaskStateStoreAccessor, plain: redis.Redis
) -> None:
    for key in ("a", "b", "c"):
        state.set(key, key)
    state.delete("a")
    assert [state.get(key, "default") for key in ("a", "b")] == ["default", "b"]
    state.clear()
    assert state.get("b") is None
    assert plain.dbsize() == 0


def test_the_state_of_an_asset_is_kept_by_what_the_task_knows_of_it(
    of_asset: AssetStateStoreAccessor, plain: redis.Redis
) -> None:
    of_asset.set("watermark", {"at": 1})
    of_asset.set("count", 42)
    assert of_asset.get("watermark") == {"at": 1}
    of_asset.delete("watermark")
    assert [of_asset.get("watermark"), of_asset.get("count")] == [None, 42]
    of_asset.clear()
    assert plain.dbsize() == 0


async def test_an_async_task_keeps_the_state_of_an_asset(
    of_asset: AssetStateStoreAccessor, worker: RedisWorkerBackend, plain: redis.Redis
) -> None:
    await of_asset.aset("watermark", 1)
    await of_asset.aset("count", 2)
    assert await of_asset.aget("watermark") == 1
    await of_asset.adelete("watermark")
    assert await of_asset.aget("watermark") is None
    await of_asset.aclear()
    await worker.aclose()
    assert plain.dbsize() == 0


@ON_REDIS
def test_a_payload_ends_with_its_reference(
    state: TaskStateStoreAccessor, task: Task, plain: redis.Redis
) -> None:
    in_six_hours = (datetime.now(UTC) + timedelta(hours=6)).timestamp() * 1000
    state.set("key", "value", retention=timedelta(hours=6))
    reference, payload = lifetimes(plain, task, "key")
    assert reference == payload >= in_six_hours
    state.set("key", "value", retention=NEVER_EXPIRE)
    assert lifetimes(plain, task, "key") == [-1, -1]
    state.set("key", "value", retention=timedelta(seconds=-1))
    assert lifetimes(plain, task, "key") == [-2, -2]
    assert plain.dbsize() == 0


@ON_METASTORE
def test_over_the_metastore_the_worker_s_own_retention_rules(
    home: Home,
    task: Task,
    worker: RedisWorkerBackend,
    plain: redis.Redis,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    worker.close()
    monkeypatch.setenv("AIRFLOW__REDIS_STATE__WORKER_RETENTION_DAYS", "2")
    context._get_worker_state_store_backend.cache_clear()
    with supervised(task):
        own = TaskStateStoreAccessor(task.instance.id, task.instance.scope)
        in_two_days = (datetime.now(UTC) + timedelta(days=2)).timestamp() * 1000
        own.set("key", "value", retention=timedelta(hours=6))
        assert own.get("key") == "value"
    absent, payload = lifetimes(plain, task, "key")
    assert absent == -2
    assert payload >= in_two_days
    context._get_worker_state_store_backend().close()


@ON_REDIS
def test_success_leaves_neither_references_nor_payloads(
    state: TaskStateStoreAccessor, task: Task, plain: redis.Redis
) -> None:
    state.set("key", "value")
    task.succeed()
    assert plain.dbsize() == 0


def test_a_clear_after_success_that_fails_does_not_fail_the_task(
    state: TaskStateStoreAccessor,
    worker: RedisWorkerBackend,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.WARNING)
    worker.close()
    monkeypatch.setenv("AIRFLOW__REDIS_STATE__URL", "redis://127.0.0.1:1/0")
    context._get_worker_state_store_backend.cache_clear()
    state._clear_backend_only()
    assert "were not cleared" in caplog.text


def test_small_values_stay_inline_below_the_threshold(
    task: Task, worker: RedisWorkerBackend, plain: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    worker.close()
    monkeypatch.setenv("AIRFLOW__REDIS_STATE__WORKER_INLINE_BYTES", "100")
    context._get_worker_state_store_backend.cache_clear()
    with supervised(task):
        own = TaskStateStoreAccessor(task.instance.id, task.instance.scope)
        own.set("key", "x" * 200)
        assert plain.hlen(payload_place(task).page) == 1
        own.set("short", "value")
        assert [own.get("key"), own.get("short")] == ["x" * 200, "value"]
        assert plain.hlen(payload_place(task).page) == 1
        own.clear()
    assert plain.dbsize() == 0
    context._get_worker_state_store_backend().close()


def test_what_was_written_before_the_worker_side_was_switched_on_is_still_read(
    task: Task, state: TaskStateStoreAccessor
) -> None:
    task.set("key", {"plain": True})
    assert state.get("key") == {"plain": True}


async def test_deletions_do_not_block_the_loop_of_the_triggerer(
    worker: RedisWorkerBackend, task: Task, asset: Asset
) -> None:
    ticks = 0

    async def tick() -> None:
        nonlocal ticks
        while True:
            await asyncio.sleep(0)
            ticks += 1

    ticking = asyncio.ensure_future(tick())
    for method in (worker.aclear, lambda scope: worker.adelete(scope, "key")):
        before = ticks
        await method(AssetScope(name=asset.name))
        assert ticks > before
    ticking.cancel()
    await worker.aclose()


@ON_REDIS
@pytest.mark.parametrize("how", ["delete", "clear", "set"])
def test_a_hand_written_reference_reaches_no_value_of_another_asset(
    of_asset: AssetStateStoreAccessor,
    task: Task,
    asset: Asset,
    metadata: Metadata,
    worker: RedisWorkerBackend,
    how: str,
) -> None:
    payroll = metadata.asset()
    theirs = AssetStateStoreAccessor(name=payroll.name)
    # The worst moment: their payload is there, and their document is not yet.
    reference = worker.serialize_asset_state_store_to_ref(
        value="theirs", key="wm", scope=AssetScope(name=payroll.name)
    )
    document = {"__airflow_state_ref__": reference}
    task.on(asset).set("wm", document)
    task.on(payroll).set("wm", document)
    {"delete": of_asset.delete, "set": lambda key: of_asset.set(key, 1)}.get(
        how, lambda _: of_asset.clear()
    )("wm")
    assert theirs.get("wm") == "theirs"
    theirs.delete("wm")
    assert worker.entries(AssetScope(name=payroll.name)) == {}


@ON_REDIS
@pytest.mark.parametrize("of", ["task", "asset"])
def test_a_value_that_goes_while_it_is_set_is_told_to_the_task_which_may_set_it_again(
    state: TaskStateStoreAccessor,
    asset: Asset,
    worker: RedisWorkerBackend,
    plain: redis.Redis,
    monkeypatch: pytest.MonkeyPatch,
    of: str,
) -> None:
    store = state if of == "task" else AssetStateStoreAccessor(name=asset.name)
    hook = f"serialize_{of}_state_store_to_ref"
    keep = getattr(worker, hook)

    def keep_and_lose(**value: Any) -> Any:
        reference = keep(**value)
        plain.flushdb()
        return reference

    with monkeypatch.context() as patched:
        patched.setattr(worker, hook, keep_and_lose)
        with pytest.raises(AirflowRuntimeError, match="Set it again") as refused:
            store.set("key", "value")
    assert "409" in str(refused.value)
    assert store.get("key", "default") == "default"
    store.set("key", "value")
    assert store.get("key") == "value"
