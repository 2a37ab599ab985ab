"""A sweep removes what has no owner in the metadata database, and nothing else.

The tests of what stays fail where a rule deletes too much.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import anyio.to_thread
import pytest
import redis
from airflow import settings

from redis_state import (
    AssetScope,
    MisconfiguredError,
    RedisStateBackend,
    TaskScope,
    UnavailableError,
)
from redis_state.admin import walking
from redis_state.airflow import database_mark
from redis_state.format.owner import owner_key
from redis_state.operations.reencrypt import ScanPages
from redis_state.scopes import StateScope
from tests import matrix
from tests.with_airflow.operations.sweeps import Questions, World, ago, counts
from tests.with_airflow.operations.tables import Tables

TOPOLOGIES = ("valkey91-cluster", "valkey91-sentinel") if matrix.METADATA == "postgresql" else ()
ONE = pytest.mark.parametrize("server_name", [matrix.FIELD_FORM], indirect=True)


@pytest.fixture(params=(*matrix.ONE_OF_EACH_FORM, *TOPOLOGIES))
def server_name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def world(backend: RedisStateBackend, tables: Tables) -> Iterator[World]:
    made = World(backend, tables.metadata)
    yield made
    made.close()


async def test_the_values_of_a_deleted_run_go(world: World) -> None:
    gone, other_run = world.task(), world.task()
    stays = world.task(gone.dag_id, "another")
    mapped = TaskScope(gone.dag_id, gone.run_id, "mapped", 131)
    for scope in (gone, mapped, other_run, stays):
        world.set(scope)
    world.delete_run(gone)
    assert counts(await world.sweep()) == {"deleted_run": 2}
    assert not world.has(gone)
    assert not world.has(mapped)
    assert world.has(other_run)
    assert world.has(stays)
    assert counts(await world.sweep()) == {}


async def test_a_run_keeps_the_values_of_all_its_tasks_and_map_indices(world: World) -> None:
    """As Airflow's own rows do, also those of tasks that the DAG does not have any more."""
    scope = world.task()
    scopes = [TaskScope(scope.dag_id, scope.run_id, "removed", index) for index in (-1, 0, 7)]
    for each in scopes:
        world.set(each)
    assert counts(await world.sweep()) == {}
    assert all(world.has(each) for each in scopes)


async def test_the_values_of_an_earlier_run_with_the_same_id_go(world: World) -> None:
    scope = world.task()
    world.set(scope, "earlier")
    world.backend.set(scope, "of nobody knows which run", "1")
    world.create_again(scope)
    world.set(scope, "present")
    assert counts(await world.sweep()) == {"earlier_run": 1}
    assert not world.has(scope, "earlier")
    assert world.has(scope, "present")
    assert world.has(scope, "of nobody knows which run")


@ONE
async def test_a_run_that_is_created_after_its_values_were_met_keeps_them(world: World) -> None:
    scope = TaskScope(world.metadata.dag(), "run", "task")
    world.set(scope)
    assert counts(await world.sweep(Questions(before=lambda: world.create_run(scope)))) == {}
    assert world.has(scope)


async def test_a_run_that_is_created_again_after_the_question_keeps_what_it_writes(
    world: World,
) -> None:
    scope = world.task()
    world.set(scope, "overwritten")
    world.set(scope, "left")
    world.delete_run(scope)

    def run_again() -> None:
        world.create_run(scope)
        world.set(scope, "overwritten")
        world.set(scope, "new")

    report = await world.sweep(Questions(after=run_again))
    assert counts(report) == {"deleted_run": 1}
    assert report.changed == 1
    assert world.has(scope, "overwritten")
    assert world.has(scope, "new")
    assert not world.has(scope, "left")


@ONE
async def test_a_run_that_was_there_is_asked_for_again_before_anything_of_it_goes(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ScanPages, "COUNT", 10)
    monkeypatch.setattr(walking, "_AT_A_TIME", 1)
    # More than are met ahead.
    run = world.task()
    scopes = [TaskScope(run.dag_id, run.run_id, f"task-{number}") for number in range(300)]
    world.set_all(scopes)

    def create_again() -> None:
        if not renewed.is_set():
            renewed.set()
            world.create_again(run)
            world.set_all(scopes)

    renewed = threading.Event()
    # However young they are.
    young = timedelta(hours=-1)
    await world.sweep(Questions(after=create_again), batch_size=1, grace=young)
    assert all(world.has(scope) for scope in scopes)


@ONE
async def test_of_a_run_that_was_there_earlier_values_go_nevertheless(world: World) -> None:
    run = world.task()
    scopes = [TaskScope(run.dag_id, run.run_id, f"task-{number}") for number in range(20)]
    world.set_all(scopes[:10])
    world.create_again(run)
    world.set_all(scopes[10:])
    assert counts(await world.sweep(batch_size=1)) == {"earlier_run": 10}
    assert [world.has(scope) for scope in scopes] == [False] * 10 + [True] * 10


async def test_the_values_of_assets_that_no_dag_has_go(world: World) -> None:
    assets = [world.metadata.asset(), world.metadata.asset(active=False)]
    stays, inactive = (AssetScope(asset_id=asset.id) for asset in assets)
    deleted = AssetScope(asset_id=987_654)
    for scope in (stays, inactive, deleted):
        world.set(scope)
    assert counts(await world.sweep()) == {"deleted_asset": 2}
    assert [world.has(scope) for scope in (stays, inactive, deleted)] == [True, False, False]


@ONE
async def test_an_asset_that_comes_back_keeps_its_values(world: World) -> None:
    early, late = AssetScope(asset_id=700_001), AssetScope(asset_id=700_002)
    world.set(early)
    world.set(late, "new")
    world.set(late, "left")

    def come_back(scope: AssetScope) -> None:
        world.metadata.asset(asset_id=scope.asset_id)

    def write_again() -> None:
        come_back(late)
        world.set(late, "new")

    report = await world.sweep(Questions(lambda: come_back(early), write_again))
    assert counts(report) == {"deleted_asset": 1}
    assert world.has(early)
    assert world.has(late, "new")
    assert not world.has(late, "left")


async def test_what_a_swept_value_of_an_asset_refers_to_goes_along(world: World) -> None:
    asset, other = world.metadata.asset(), world.metadata.asset()
    by_name = AssetScope(name=asset.name)
    world.keep(by_name, told=AssetScope(asset_id=555_555))
    world.keep(AssetScope(name=other.name), told=AssetScope(asset_id=other.id))
    assert "deleted_asset" in counts(await world.sweep())
    assert not world.keeps(by_name)
    assert world.keeps(AssetScope(name=other.name))


async def test_worker_values_go_with_their_run_or_asset(world: World) -> None:
    scope, asset = world.task(), world.metadata.asset(active=False)
    scopes = (scope, AssetScope(name=asset.name), AssetScope(uri=asset.uri))
    for each in scopes:
        world.keep(each)
    world.delete_run(scope)
    # Wherever the server side is.
    swept = counts(await world.sweep(has_references=False))
    assert swept == {"deleted_run": 1, "deleted_asset": 2}
    assert not any(world.keeps(each) for each in scopes)


async def test_worker_values_without_a_reference_go(world: World) -> None:
    scope, asset = world.task(), world.metadata.asset()
    mapped = TaskScope(scope.dag_id, scope.run_id, "mapped", 3)
    told = AssetScope(asset_id=asset.id)
    named, by_uri = AssetScope(name=asset.name), AssetScope(uri=asset.uri)
    told_by: dict[StateScope, StateScope] = {scope: scope, mapped: mapped, named: told}
    for each, of_server in told_by.items():
        world.keep(each, "told", told=of_server)
        world.keep(each, "not told")
    world.keep(by_uri, "told by uri", told=told)
    assert counts(await world.sweep(dry_run=True)) == {"no_reference": 3}
    assert counts(await world.sweep()) == {"no_reference": 3}
    for each in told_by:
        assert world.keeps(each, "told")
        assert not world.keeps(each, "not told")
    assert world.keeps(by_uri, "told by uri")


@ONE
async def test_worker_values_stay_whose_references_are_elsewhere(
    world: World, tables: Tables
) -> None:
    scope, asset = world.task(), world.metadata.asset()
    by_name = AssetScope(name=asset.name)
    world.keep(scope)
    world.keep(by_name)
    # The server side is not here.
    assert counts(await world.sweep(has_references=False)) == {}
    # It is about to be: the metadata database still has some.
    now = datetime.now(UTC)
    tables.put(scope, "key", "1", now)
    tables.put(AssetScope(asset_id=asset.id), "key", "1", now)
    assert counts(await world.sweep()) == {}
    assert world.keeps(scope)
    assert world.keeps(by_name)


async def test_a_worker_value_stays_whose_reference_comes_after_it_was_looked_for(
    world: World,
) -> None:
    scope = world.task()
    world.keep(scope)
    document = f'{{"__airflow_state_ref__": "redis-state:task/{scope.dag_id}/run/task/-1//key"}}'
    report = await world.sweep(Questions(looked=lambda: world.set(scope, value=document)))
    assert counts(report) == {}
    assert world.keeps(scope)


async def test_the_worker_value_beside_a_swept_reference_goes_unless_it_is_new(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    old, new = world.task(), world.task()
    with ago(monkeypatch, hours=2):
        world.keep(old, told=old)
        world.keep(new, told=new)
    world.create_again(old)
    world.create_again(new)
    # Its reference is on its way.
    world.keep(new)
    swept = counts(await world.sweep(grace=timedelta(hours=1)))
    assert swept.keys() <= {"earlier_run", "no_reference"}
    assert not world.has(old)
    assert not world.keeps(old)
    assert world.keeps(new)


async def test_what_was_written_within_the_grace_period_stays(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    scope, present = world.task(), world.task()
    deleted = AssetScope(asset_id=987_655)
    with ago(monkeypatch, minutes=61):
        world.set(scope, "old")
        world.set(deleted, "old")
        world.keep(present, "old")
    world.set(scope, "young")
    world.set(deleted, "young")
    world.keep(present, "young")
    world.delete_run(scope)
    report = await world.sweep(grace=timedelta(hours=1))
    assert counts(report) == {"deleted_run": 1, "deleted_asset": 1, "no_reference": 1}
    assert report.young == 3
    assert world.has(scope, "young")
    assert world.has(deleted, "young")
    assert world.keeps(present, "young")


@ONE
async def test_a_namespace_that_begins_alike_is_not_touched(
    world: World, make_backend: Callable[..., Any], tables: Tables, raw: redis.Redis
) -> None:
    namespace = f"{world.backend.settings.namespace}:t"
    longer = World(make_backend(namespace=namespace), tables.metadata)
    scope = world.task()
    world.set(scope)
    longer.set(scope)
    world.delete_run(scope)
    assert counts(await world.sweep()) == {"deleted_run": 1}
    assert longer.has(scope)
    assert counts(await longer.sweep()) == {"deleted_run": 1}
    longer.close()
    raw.delete(owner_key(namespace))


@ONE
async def test_the_namespace_of_another_owner_is_refused(
    world: World, raw: redis.Redis, namespace: str
) -> None:
    scope = TaskScope("dag of another", "run", "task")
    world.set(scope)
    raw.hset(owner_key(namespace), mapping={"database": "another", "since": "2026"})
    for dry_run in (False, True):
        with pytest.raises(MisconfiguredError, match="belongs to another Airflow"):
            await world.sweep(dry_run=dry_run)
    assert world.has(scope)


@ONE
async def test_a_namespace_that_becomes_anothers_is_left(
    world: World, raw: redis.Redis, namespace: str
) -> None:
    world.set(TaskScope("no such dag", "run", "task"))

    def become_anothers() -> None:
        raw.hset(owner_key(namespace), mapping={"database": "another", "since": "2026"})

    with pytest.raises(MisconfiguredError, match="belongs to another Airflow"):
        await world.sweep(Questions(after=become_anothers))
    assert world.has(TaskScope("no such dag", "run", "task"))


@ONE
async def test_a_namespace_without_an_owner_is_marked_but_in_a_dry_run(
    world: World, raw: redis.Redis, namespace: str
) -> None:
    await world.sweep(dry_run=True)
    assert not raw.exists(owner_key(namespace))
    await world.sweep()
    assert raw.hget(owner_key(namespace), "database") == database_mark.make().encode()


@ONE
async def test_what_the_database_cannot_be_asked_for_stays(
    world: World, raw: redis.Redis, namespace: str
) -> None:
    scopes: list[StateScope] = [
        TaskScope("no\0such", "run", "task"),
        TaskScope("dag", "lone \ud800", "task"),
        TaskScope("d" * 251, "run", "task"),
        AssetScope(asset_id=2**31),
        AssetScope(asset_id=-1),
        AssetScope(name="no worker's"),
    ]
    for scope in scopes:
        world.backend.set(scope, "key", "1")
    by_worker = [AssetScope(name="no\0such"), AssetScope(uri="u" * 1501)]
    by_worker.append(AssetScope(asset_id=987_000))
    for each in by_worker:
        world.keep(each)
    raw.hset(f"{namespace}:t:{{no/such/run}}:-1", "foreign", "bytes")
    assert counts(await world.sweep()) == {}
    assert all(world.has(scope) for scope in scopes)
    assert all(world.keeps(each) for each in by_worker)
    assert raw.hdel(f"{namespace}:t:{{no/such/run}}:-1", "foreign")


@ONE
async def test_nothing_goes_when_the_database_is_away(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    scope = TaskScope("no such dag", "run", "task")
    world.set(scope)
    database = Questions()

    def away(**_: object) -> None:
        raise ConnectionError("of a password")

    monkeypatch.setattr(database, "_create_session", away)
    with pytest.raises(UnavailableError, match="database cannot be used") as raised:
        await world.sweep(database)
    assert "password" not in str(raised.value)
    assert world.has(scope)


@ONE
async def test_a_dry_run_tells_what_would_go_and_deletes_nothing(world: World) -> None:
    scope = TaskScope("no such dag", "run", "task")
    world.set(scope, value='"ten letters"')
    world.set(scope, "another", value="12")
    world.set(world.task())
    report = await world.sweep(dry_run=True)
    assert (report.seen, report.values, report.size) == (3, 2, 15)
    (swept,) = (each for each in report.swept.values() if each.values)
    assert swept.examples == [scope]
    assert world.has(scope)


@ONE
async def test_a_sweep_of_one_dag_or_of_so_many_values(world: World) -> None:
    asset, other = AssetScope(asset_id=987_656), TaskScope("no such dag", "run", "task")
    scopes = [TaskScope("no such", "run", f"task {number}") for number in range(3)]
    world.set_all([asset, other, *scopes])
    assert counts(await world.sweep(dag_id="no such", limit=2)) == {"deleted_run": 2}
    assert counts(await world.sweep(dag_id="no such")) == {"deleted_run": 1}
    assert world.has(asset)
    assert world.has(other)


@ONE
async def test_cleanup_does_the_same_from_a_loop_and_from_a_thread(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    with ago(monkeypatch, hours=2):
        world.set(TaskScope("no such dag", "run", "task"))
    world.set(TaskScope("no such dag", "run", "young"))
    world.backend.cleanup()
    assert not world.has(TaskScope("no such dag", "run", "task"))
    assert world.has(TaskScope("no such dag", "run", "young"))
    with ago(monkeypatch, hours=2):
        world.set(TaskScope("no such dag", "run", "task"))
    await anyio.to_thread.run_sync(world.backend.cleanup)
    assert not world.has(TaskScope("no such dag", "run", "task"))


@ONE
async def test_cleanup_only_logs_where_there_is_no_database(
    world: World, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    with ago(monkeypatch, hours=2):
        world.set(TaskScope("no such dag", "run", "task"))
    with monkeypatch.context() as patched, caplog.at_level(logging.WARNING):
        patched.setattr(settings, "NonScopedSession", None)
        world.backend.cleanup()
    assert "Nothing was swept. The metadata database cannot be used" in caplog.text
    assert world.has(TaskScope("no such dag", "run", "task"))
