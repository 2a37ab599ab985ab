"""A migration copies all state to another store and back, beside whoever uses both."""

from __future__ import annotations

import json
import threading
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import count, cycle
from typing import Any
from uuid import UUID

import pytest
import redis

from redis_state import (
    AssetScope,
    MisconfiguredError,
    RedisStateBackend,
    RedisWorkerBackend,
    TaskScope,
)
from redis_state.admin.migration.database_side import DatabaseSide
from redis_state.admin.migration.migration import Migration
from redis_state.admin.migration.owners import check_database
from redis_state.admin.migration.redis_side import RedisSide
from redis_state.admin.migration.report import Compared, Extra, Report
from redis_state.admin.migration.values import Outcome
from redis_state.airflow import metastore, metastore_writes
from redis_state.airflow.metastore import Row
from redis_state.client._async.client import AsyncClient
from redis_state.scopes import StateScope
from tests.matrix import METADATA
from tests.support.waiting import PATIENT, wait_for
from tests.with_airflow.operations.tables import HAS_REGIONS, Tables
from tests.with_airflow.server.values import KEYS, VALUES

THEN = datetime(2026, 3, 1, 12, 30, 15, 123_456, tzinfo=UTC)
LATER = THEN + timedelta(hours=1)
ENDS = datetime.now(UTC).replace(microsecond=654_321) + timedelta(days=30)
LATER_ENDS = ENDS + timedelta(days=1, microseconds=1)
PAST = datetime.now(UTC) - timedelta(hours=1)
REGION = UUID(int=7)


@pytest.fixture
def task(tables: Tables) -> TaskScope:
    return tables.metadata.instance().scope


@pytest.fixture
def asset(tables: Tables) -> AssetScope:
    return AssetScope(asset_id=tables.metadata.asset().id)


async def to_redis(backend: RedisStateBackend, **options: Any) -> Report:
    return await migrate(DatabaseSide(), backend, **options)


async def to_database(backend: RedisStateBackend, **options: Any) -> Report:
    return await migrate(backend, DatabaseSide(), **options)


async def migrate(
    source: Any, target: Any, *, steps: tuple[str, ...] = (), **options: Any
) -> Report:
    """Copy and verify, and take further steps."""
    clients: list[AsyncClient] = []
    both = [side for side in (source, target) if isinstance(side, RedisStateBackend)]
    is_same = len({side.settings.namespace for side in both}) == 1 and len(both) == 2

    def side(of: Any) -> Any:
        if isinstance(of, DatabaseSide):
            return of
        clients.append(AsyncClient(of.settings))
        settings = of.settings
        return RedisSide(clients[-1], settings, keeps_envelopes=is_same, of_workers=len(both) == 2)

    try:
        migration = Migration(side(source), side(target))
        await migration.copy(**options)
        await migration.verify(repair=not options)
        for step in steps:
            await getattr(migration, step)()
    finally:
        for client in clients:
            client.close()
    assert migration.report.adds_up
    return migration.report


def fill(tables: Tables, task: TaskScope, asset: AssetScope) -> int:
    """Write rows of every kind; return how many."""
    keys = [key for key in KEYS.values() if METADATA == "sqlite" or "\0" not in key]
    mapped = [TaskScope(task.dag_id, task.run_id, "mapped", index) for index in (0, 3, 131)]
    rows: list[tuple[StateScope, str, str, datetime | None]] = [
        *((task, key, '"of a key"', ENDS) for key in keys),
        *((asset, key, '"of an asset"', None) for key in keys),
        *((asset, name, json.dumps(value), None) for name, value in VALUES.items()),
    ]
    rows += [
        (scope, name, json.dumps(value), expires_at)
        for scope, (name, value), expires_at in zip(
            cycle(mapped), VALUES.items(), cycle([None, ENDS, LATER_ENDS]), strict=False
        )
    ]
    if HAS_REGIONS:
        region = TaskScope(task.dag_id, task.run_id, "mapped", 3, REGION)
        rows.append((region, "in a region", "1", ENDS))
    moments = (THEN + timedelta(microseconds=1_001 * number) for number in count())
    for (scope, key, value, expires_at), moment in zip(rows, moments, strict=False):
        tables.put(scope, key, value, moment, expires_at)
    tables.put(asset, "of the API", "1", THEN, last_updated_by_kind="api")
    return len(rows) + 1


async def test_there_and_back_gives_equal_rows(
    tables: Tables, backend: RedisStateBackend, task: TaskScope, asset: AssetScope
) -> None:
    number = fill(tables, task, asset)
    before = tables.all(exact=False)
    there = await to_redis(backend)
    assert there.is_equal
    assert (there.outcomes[Outcome.WRITTEN], there.compared[Compared.EQUAL]) == (number, number)
    tables.empty()
    back = await to_database(backend)
    assert back.is_equal
    assert back.outcomes[Outcome.WRITTEN] == number
    assert tables.all() == before


async def test_what_is_in_redis_then_is_what_airflow_would_have_written(
    tables: Tables, backend: RedisStateBackend, task: TaskScope, asset: AssetScope
) -> None:
    tables.put(task, "key", '"value"', THEN, ENDS)
    tables.put(asset, "key", '"value"', THEN, last_updated_by_kind="api")
    await to_redis(backend)
    with tables.metadata.session() as session:
        entry = backend.entries(task, session=session)["key"]
    moment = THEN.replace(microsecond=123_000)
    assert (entry.value, entry.updated_at, entry.expires_at) == ('"value"', moment, ENDS)
    assert backend.entries(asset)["key"].set_by_api


async def test_a_second_run_writes_nothing(
    tables: Tables, make_backend: Callable[..., Any], task: TaskScope, asset: AssetScope
) -> None:
    # Encrypted, each value has other bytes each time.
    keys = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="
    for backend in (make_backend(), make_backend(encryption="own", encryption_keys=keys)):
        fill(tables, task, asset)
        await to_redis(backend)
        again = await to_redis(backend)
        assert again.outcomes == Counter({Outcome.THERE: again.read})
        before = tables.all()
        back = await to_database(backend)
        assert back.outcomes == Counter({Outcome.THERE: back.read})
        assert tables.all() == before


async def test_what_is_newer_at_the_target_stays(
    tables: Tables, backend: RedisStateBackend, task: TaskScope, asset: AssetScope
) -> None:
    with tables.metadata.session() as session:
        for scope in (task, asset):
            tables.put(scope, "key", '"old"', THEN)
            backend.set(scope, "key", '"new"', session=session)
    there = await to_redis(backend)
    assert there.outcomes == Counter({Outcome.NEWER: 2})
    assert there.is_equal
    assert backend.get(task, "key") == backend.get(asset, "key") == '"new"'

    for scope in (task, asset):
        tables.put(scope, "key", '"newest"', datetime.now(UTC) + timedelta(minutes=1))
    back = await to_database(backend)
    assert back.outcomes == Counter({Outcome.NEWER: 2 * back.passes})
    assert tables.get(task, "key")[0] == tables.get(asset, "key")[0] == '"newest"'  # type: ignore[index]


async def test_what_is_older_at_the_target_is_replaced(
    tables: Tables, backend: RedisStateBackend, task: TaskScope, asset: AssetScope
) -> None:
    for value, moment, expires_at in (('"1"', THEN, ENDS), ('"2"', LATER, None)):
        for scope in (task, asset):
            tables.put(scope, "key", value, moment, expires_at if scope is task else None)
        assert (await to_redis(backend)).is_equal
        assert backend.get(task, "key") == backend.get(asset, "key") == value
    for scope in (task, asset):
        tables.put(scope, "key", '"0"', THEN)
    assert (await to_database(backend)).is_equal
    assert tables.get(task, "key")[0] == tables.get(asset, "key")[0] == '"2"'  # type: ignore[index]


async def test_of_the_same_millisecond_the_source_is_believed(
    tables: Tables, backend: RedisStateBackend, task: TaskScope
) -> None:
    tables.put(task, "key", '"1"', THEN)
    await to_redis(backend)
    tables.put(task, "key", '"2"', THEN + timedelta(microseconds=1))
    assert (await to_redis(backend)).is_equal
    assert backend.get(task, "key") == '"2"'
    tables.put(task, "key", '"3"', THEN + timedelta(microseconds=2))
    assert (await to_database(backend)).is_equal
    assert tables.get(task, "key")[0] == '"2"'  # type: ignore[index]


async def test_a_row_that_came_meanwhile_stays(tables: Tables, task: TaskScope) -> None:
    # After it was looked up, and before the row is written.
    tables.put(task, "key", '"new"', LATER)
    with tables.metadata.session() as session:
        known = metastore.homes(session, [task])
        old = Row(task, "key", '"old"', THEN, None)
        assert metastore_writes.upsert(session, [old], known) == 0
    assert tables.get(task, "key") == ('"new"', LATER, None)


async def test_a_value_that_is_another_is_told(
    tables: Tables, backend: RedisStateBackend, task: TaskScope
) -> None:
    tables.put(task, "value", "1", THEN)
    tables.put(task, "expiry", "1", THEN, ENDS)
    await to_redis(backend)
    tables.put(task, "value", "2", THEN)
    tables.put(task, "expiry", "1", THEN, LATER_ENDS)
    report = await to_redis(backend, dry_run=True)
    assert report.compared == Counter({Compared.DIFFERENT: 2})
    assert not report.is_equal


async def test_a_value_of_a_run_that_was_created_again_is_written_for_that_run(
    tables: Tables, backend: RedisStateBackend, task: TaskScope
) -> None:
    tables.put(task, "key", "1", THEN)
    await to_redis(backend)
    tables.metadata.delete_run(task.dag_id)
    tables.metadata.run(task.dag_id)
    tables.put(task, "key", "1", THEN)
    report = await to_redis(backend, dry_run=True)
    assert report.compared == Counter({Compared.DIFFERENT: 1})
    assert (await to_redis(backend)).is_equal
    with tables.metadata.session() as session:
        assert backend.get(task, "key", session=session) == "1"


async def test_worker_values_stay_in_redis(
    tables: Tables, backend: RedisStateBackend, task: TaskScope
) -> None:
    url, namespace = backend.settings.url.get_secret_value(), backend.settings.namespace
    worker = RedisWorkerBackend(url=url, namespace=namespace, **PATIENT)
    worker.set(task, "key", "1")
    report = await to_database(backend)
    assert (report.read, tables.all()) == (0, set())
    # Nor are they something that the database lacks.
    assert (await to_redis(backend)).extra == Counter()
    assert worker.get(task, "key") == "1"
    worker.close()


async def test_what_has_expired_is_not_copied(
    tables: Tables, backend: RedisStateBackend, task: TaskScope
) -> None:
    tables.put(task, "key", "1", THEN, PAST)
    report = await to_redis(backend)
    assert report.outcomes == Counter({Outcome.EXPIRED: report.passes})
    assert report.is_equal
    assert backend.entries(task) == {}


async def test_state_of_runs_and_assets_that_are_gone_is_left_out(
    tables: Tables, backend: RedisStateBackend, task: TaskScope
) -> None:
    gone, again = (tables.metadata.instance().scope for _ in range(2))
    for scope in (task, gone, again):
        tables.put(scope, "key", "1", THEN)
    await to_redis(backend)
    backend.set(AssetScope(asset_id=2**30), "key", "1")
    tables.empty()
    for scope in (gone, again):
        tables.metadata.delete_run(scope.dag_id)
    tables.metadata.run(again.dag_id)
    report = await to_database(backend)
    assert report.outcomes[Outcome.WRITTEN] == 1
    assert report.compared == Counter({Compared.EQUAL: 1, Compared.GONE: 3})
    assert report.is_equal
    assert [row[1] for row in tables.all()] == [task.dag_id]


async def test_what_the_source_has_deleted_since_is_found_and_removed(
    tables: Tables, backend: RedisStateBackend, task: TaskScope, asset: AssetScope
) -> None:
    for scope in (task, asset):
        tables.put(scope, "deleted", "1", THEN)
        tables.put(scope, "kept", "1", LATER)
    await to_redis(backend)
    for scope in (task, asset):
        tables.delete(scope, "deleted")
    # A task uses the target already.
    with tables.metadata.session() as session:
        backend.set(task, "of a task", "1", session=session)
    report = await to_redis(backend)
    assert not report.is_equal
    assert report.extra == Counter({Extra.OLD: 2, Extra.LATER: 1})
    report = await to_redis(backend, steps=("remove_extra",))
    assert (report.is_equal, report.removed_at_target) == (True, 2)
    assert set(backend.entries(task)) == {"kept", "of a task"}
    assert set(backend.entries(asset)) == {"kept"}


async def test_what_redis_has_deleted_since_is_removed_from_the_database(
    tables: Tables, backend: RedisStateBackend, task: TaskScope, asset: AssetScope
) -> None:
    for scope in (task, asset):
        tables.put(scope, "deleted", "1", THEN)
        tables.put(scope, "kept", "1", LATER)
    await to_redis(backend)
    for scope in (task, asset):
        backend.delete(scope, "deleted")
    report = await to_database(backend, steps=("remove_extra",))
    assert (report.is_equal, report.removed_at_target) == (True, 2)
    assert tables.get(task, "deleted") is tables.get(asset, "deleted") is None
    assert tables.get(task, "kept") is not None


@pytest.mark.parametrize("way", ["there", "back"])
async def test_the_source_is_emptied_of_what_is_at_the_target(
    tables: Tables, backend: RedisStateBackend, task: TaskScope, asset: AssetScope, way: str
) -> None:
    number = fill(tables, task, asset)
    report = await to_redis(backend, steps=() if way == "back" else ("remove_source",))
    if way == "there":
        assert (report.removed_at_source, tables.all()) == (number, set())
    else:
        tables.put(task, "newer", "1", LATER)
        report = await to_database(backend, steps=("remove_source",))
        assert report.removed_at_source == number
        assert backend.entries(task) == {}


async def test_nothing_is_written_in_a_dry_run(
    tables: Tables, backend: RedisStateBackend, raw: redis.Redis, task: TaskScope, asset: AssetScope
) -> None:
    number = fill(tables, task, asset)
    report = await to_redis(backend, dry_run=True)
    assert report.outcomes[Outcome.WRITTEN] == report.compared[Compared.ONLY_SOURCE] == number
    assert not report.is_equal
    assert list(raw.scan_iter(f"{backend.settings.namespace}:*")) == []


async def test_bytes_that_are_not_ours_are_told_and_left(
    tables: Tables, backend: RedisStateBackend, raw: redis.Redis, asset: AssetScope
) -> None:
    page = f"{backend.settings.namespace}:a:{{id:{asset.asset_id}}}"
    raw.hset(page, "key", "foreign")
    report = await to_database(backend)
    assert report.outcomes == Counter({Outcome.UNREADABLE: report.passes})
    assert not report.is_equal
    tables.put(asset, "key", "1", THEN)
    report = await to_redis(backend)
    assert report.outcomes[Outcome.REFUSED]
    assert not report.is_equal
    assert raw.hget(page, "key") == b"foreign"
    raw.delete(page)


async def test_while_tasks_write_all_is_copied(
    tables: Tables, backend: RedisStateBackend, task: TaskScope
) -> None:
    stopped = threading.Event()
    writing = threading.Thread(target=_write_on, args=(tables, task, stopped))
    writing.start()
    wait_for(lambda: tables.get(task, "key 0"), "the first value")
    try:
        first = await to_redis(backend)
    finally:
        stopped.set()
        writing.join()
    assert first.outcomes[Outcome.WRITTEN]
    last = await to_redis(backend)
    assert last.is_equal
    with tables.metadata.session() as session:
        there = backend.entries(task, session=session)
    keys = [f"key {number}" for number in range(20)]
    for key in keys:
        row = tables.get(task, key)
        assert row is None or (there[key].value, there[key].expires_at) == (row[0], row[2])


def _write_on(tables: Tables, task: TaskScope, stopped: threading.Event) -> None:
    for turn in count():
        tables.put(task, f"key {turn % 20}", str(turn), datetime.now(UTC), ENDS)
        if stopped.is_set() and turn >= 20:
            return


async def test_a_namespace_of_another_airflow_is_refused(
    tables: Tables, backend: RedisStateBackend
) -> None:
    backend.claim("another")
    client = AsyncClient(backend.settings)
    with pytest.raises(MisconfiguredError, match="belongs to another Airflow"):
        await check_database(client, backend.settings.namespace, claim=True)
    client.close()


async def test_a_key_that_the_database_cannot_hold_is_told(
    tables: Tables, backend: RedisStateBackend, asset: AssetScope
) -> None:
    backend.set(asset, "fits", "1")
    backend.set(asset, "expires", "1", expires_at=ENDS)
    backend.set(AssetScope(name="by name"), "key", "1")
    report = await to_database(backend)
    assert report.outcomes[Outcome.REFUSED] == 2 * report.passes
    assert tables.get(asset, "fits") is not None
