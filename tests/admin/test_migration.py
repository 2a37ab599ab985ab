"""A migration from one Redis to another copies all values of a namespace, worker values too."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any
from uuid import uuid4

import pytest
import redis

from redis_state import (
    MisconfiguredError,
    RedisStateBackend,
    RedisWorkerBackend,
    StateStoreError,
    TaskScope,
)
from redis_state.admin.migration.migration import Migration
from redis_state.admin.migration.owners import check_namespaces
from redis_state.admin.migration.redis_side import RedisSide
from redis_state.admin.migration.report import Extra, Progress, Report
from redis_state.admin.migration.values import Outcome
from redis_state.client._async.client import AsyncClient
from redis_state.config.settings import Settings
from redis_state.testing import EmbeddedServer
from tests.support.both_sides import ASSET, ENDS, MAPPED, TASK, contents, fill
from tests.support.leaks import check_leaks
from tests.support.servers import raw_client
from tests.support.waiting import PATIENT

KEY = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="
ENCRYPTED = {"encryption": "own", "encryption_keys": KEY}


@pytest.fixture(scope="module")
def other_server() -> Iterator[EmbeddedServer]:
    with EmbeddedServer() as running:
        yield running


@pytest.fixture
def other(other_server: EmbeddedServer) -> Iterator[redis.Redis]:
    """Give a client of another server, which is empty at first."""
    with raw_client(other_server) as client:
        yield client
        client.flushall()


@pytest.fixture
def elsewhere(other: redis.Redis, other_server: EmbeddedServer) -> Callable[..., Settings]:
    return lambda namespace, **options: (
        RedisStateBackend(url=other_server.url, namespace=namespace, **options).settings
    )


async def migrate(
    source: Settings,
    target: Settings,
    *,
    steps: tuple[str, ...] = (),
    told: list[Progress] | None = None,
) -> Report:
    clients = AsyncClient(source), AsyncClient(target)
    options = {"keeps_envelopes": source.namespace == target.namespace, "of_workers": True}
    sides = RedisSide(clients[0], source, **options), RedisSide(clients[1], target, **options)
    try:
        migration = Migration(*sides)
        migration.on_progress = told.append if told is not None else None
        await migration.copy()
        await migration.verify()
        for step in steps:
            await getattr(migration, step)()
    finally:
        for client in clients:
            client.close()
    assert migration.report.adds_up
    return migration.report


@pytest.mark.parametrize("options", [{}, ENCRYPTED], ids=["plain", "encrypted"])
async def test_to_another_server_the_bytes_are_the_same(
    server: Any,
    namespace: str,
    raw: redis.Redis,
    other: redis.Redis,
    elsewhere: Callable[..., Settings],
    options: dict[str, str],
) -> None:
    own = {"url": server.url, "namespace": namespace, **PATIENT, **options}
    fill(own)
    report = await migrate(RedisStateBackend(**own).settings, elsewhere(namespace))
    assert report.is_equal
    assert contents(other, namespace) == contents(raw, namespace)
    check_leaks(other, namespace, field_form=True)
    again = await migrate(elsewhere(namespace), RedisStateBackend(**own).settings)
    assert again.outcomes == Counter({Outcome.THERE: report.outcomes[Outcome.WRITTEN]})


async def test_to_another_namespace_values_are_encrypted_anew(
    server: Any, namespace: str, raw: redis.Redis, other: redis.Redis, elsewhere: Any
) -> None:
    own = {"url": server.url, "namespace": namespace, **PATIENT, **ENCRYPTED}
    fill(own)
    report = await migrate(RedisStateBackend(**own).settings, elsewhere("other", **ENCRYPTED))
    assert report.is_equal
    there = contents(other, "other")
    assert there.keys() == contents(raw, namespace).keys()
    options = {"url": elsewhere("other").url.get_secret_value(), "namespace": "other", **ENCRYPTED}
    backend, worker = RedisStateBackend(**options), RedisWorkerBackend(**options)
    assert backend.get(TASK, "a") == "1"
    entry = backend.entries(MAPPED)["result"]
    assert entry.expires_at == ENDS
    reference = "redis-state:task/dag/run/mapped/131//result"
    assert worker.deserialize_task_state_store_from_ref(reference) == {"of": "a worker"}
    # A worker value of an asset still goes with its document.
    backend.delete(ASSET, "result")
    assert (b":aw:{name:orders}", b"result") not in contents(other, "other")
    backend.close()
    worker.close()


async def test_a_namespace_that_begins_as_another_is_left_alone(
    backend: RedisStateBackend, other: redis.Redis, elsewhere: Any, make_backend: Any
) -> None:
    namespace = backend.settings.namespace
    longer = make_backend(namespace=f"{namespace}:a")
    for each in (backend, longer):
        each.set(TASK, "key", f'"{each.settings.namespace}"')
    report = await migrate(backend.settings, elsewhere(namespace), steps=("remove_source",))
    assert (report.read // report.passes, report.removed_at_source) == (1, 1)
    assert len(contents(other, namespace)) == 1
    assert longer.get(TASK, "key") is not None
    longer.delete(TASK, "key")


async def test_a_worker_value_that_the_source_has_no_more_is_removed(
    server: Any, namespace: str, raw: redis.Redis, other: redis.Redis, elsewhere: Any
) -> None:
    own = {"url": server.url, "namespace": namespace, **PATIENT}
    fill(own)
    settings = RedisStateBackend(**own).settings
    await migrate(settings, elsewhere(namespace))
    RedisWorkerBackend(**own).delete(MAPPED, "result")
    RedisStateBackend(**own).set(TASK, "newest", "1")
    report = await migrate(settings, elsewhere(namespace))
    assert report.extra == Counter({Extra.OLD: 1})
    report = await migrate(settings, elsewhere(namespace), steps=("remove_extra",))
    assert report.removed_at_target == 1
    assert contents(other, namespace) == contents(raw, namespace)


async def test_large_values_are_copied_in_steps_and_progress_is_told(
    backend: RedisStateBackend, other: redis.Redis, elsewhere: Any
) -> None:
    namespace = backend.settings.namespace
    for index in range(40):
        scope = TaskScope("dag", "run", "large", index)
        backend.set(scope, "key", '"' + os.urandom(100_000).hex() + '"')
    told: list[Progress] = []
    report = await migrate(backend.settings, elsewhere(namespace), told=told)
    assert report.is_equal
    assert {"copy", "verify", "look for more"} <= {each.step for each in told}
    assert all(each.done <= each.total for each in told)


async def test_a_target_that_is_full_is_told_and_can_be_taken_up(
    backend: RedisStateBackend, other: redis.Redis, elsewhere: Any
) -> None:
    namespace = backend.settings.namespace
    for index in range(30):
        backend.set(TaskScope("dag", "run", "large", index), "key", '"' + "x" * 100_000 + '"')
    used = other.info("memory")["used_memory"]
    other.config_set("maxmemory", used + 1_500_000)
    try:
        with pytest.raises(StateStoreError, match="The target is full"):
            await migrate(backend.settings, elsewhere(namespace))
        assert len(contents(other, namespace)) < 30
        check_leaks(other, namespace, field_form=True)
    finally:
        other.config_set("maxmemory", 0)
    assert (await migrate(backend.settings, elsewhere(namespace))).is_equal


async def test_a_target_of_another_airflow_is_refused(
    backend: RedisStateBackend, other: redis.Redis, elsewhere: Any
) -> None:
    source, target = backend.settings, elsewhere(f"test-{uuid4().hex}")
    clients = AsyncClient(source), AsyncClient(target)
    both = (clients[0], source.namespace), (clients[1], target.namespace)
    backend.claim("one")
    await check_namespaces(*both, claim=False)
    assert not other.exists(f"{target.namespace}:{{owner}}")
    await check_namespaces(*both, claim=True)
    assert other.hget(f"{target.namespace}:{{owner}}", "database") == b"one"
    other.hset(f"{target.namespace}:{{owner}}", "database", "another")
    with pytest.raises(MisconfiguredError, match="belongs to another Airflow than the source's"):
        await check_namespaces(*both, claim=True)
    for client in clients:
        client.close()


async def test_bytes_that_are_not_ours_are_told_by_name(
    backend: RedisStateBackend, raw: redis.Redis, elsewhere: Any
) -> None:
    page = f"{backend.settings.namespace}:t:{{dag/run/task}}:-1"
    raw.hset(page, "foreign", "bytes")
    report = await migrate(backend.settings, elsewhere(backend.settings.namespace))
    assert not report.is_equal
    assert report.problems[0].spot.startswith(page)
    assert report.as_dict()["copied"]["unreadable"] == report.passes
    raw.delete(page)
