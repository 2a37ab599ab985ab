"""Rotation: everything comes under the newest key, and nothing else about it changes."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import redis

from redis_state import (
    AssetScope,
    MisconfiguredError,
    RedisStateBackend,
    RedisWorkerBackend,
    StateScope,
    TaskScope,
)
from redis_state.admin.rotation import RotationProgress, RotationReport
from tests.encryption.conftest import FIRST, SECOND, THIRD
from tests.matrix import ONE_OF_EACH_FORM, TOPOLOGIES
from tests.support.methods import MODES

TASK, MAPPED = TaskScope("dag", "run", "task"), TaskScope("dag", "run", "task", 300)
ASSET = AssetScope(asset_id=7)
SCOPES: tuple[StateScope, ...] = (TASK, MAPPED, ASSET)
Make = Callable[..., RedisStateBackend]
MakeWorker = Callable[..., RedisWorkerBackend]
Stored = Callable[[], dict[tuple[bytes, bytes], bytes]]


@pytest.fixture(params=[*ONE_OF_EACH_FORM, *TOPOLOGIES])
def server_name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(params=MODES)
def rotate(request: pytest.FixtureRequest) -> Any:
    """Give a coroutine that rotates in one mode."""

    async def run(backend: RedisStateBackend, *args: Any, **options: Any) -> RotationReport:
        if request.param == "async":
            return await backend.arotate(*args, **options)
        return backend.rotate(*args, **options)

    return run


def write(backend: RedisStateBackend, mark: str) -> None:
    soon = datetime.now(UTC) + timedelta(hours=1)
    for scope in SCOPES:
        backend.set(scope, f"for ever {mark}", json.dumps(f"{mark} {scope}"))
        backend.set_many(scope, {f"\0odd {mark}": "1", f"caf\u00e9 {mark}": "2"}, expires_at=soon)


def contents(backend: RedisStateBackend) -> list[dict[str, Any]]:
    return [backend.entries(scope) for scope in SCOPES]


def native(raw: redis.Redis, stored: Stored, has_field_expiry: bool) -> dict[Any, Any]:
    if has_field_expiry:
        command = "HPEXPIRETIME"
        return {
            place: raw.execute_command(command, place[0], "FIELDS", 1, place[1])
            for place in stored()
        }
    return {page: raw.pttl(page) > 0 for page, _ in stored()}


async def test_all_values_come_under_the_newest_key_and_stay_as_they_were(
    with_keys: Make, stored: Stored, rotate: Any, raw: redis.Redis, has_field_expiry: bool
) -> None:
    write(with_keys(), "plain")
    write(with_keys(FIRST), "first")
    backend = with_keys(SECOND, FIRST)
    write(backend, "second")
    before, deadlines = contents(backend), native(raw, stored, has_field_expiry)
    report = await rotate(backend)
    assert report == RotationReport(seen=27, up_to_date=9, reencrypted=18)
    assert report.is_complete
    assert contents(with_keys(SECOND)) == before
    assert native(raw, stored, has_field_expiry) == deadlines
    assert {value[0] for value in stored().values()} == {0xB2}


async def test_a_second_run_has_nothing_to_do(with_keys: Make, stored: Stored, rotate: Any) -> None:
    write(with_keys(), "plain")
    backend = with_keys(FIRST)
    await rotate(backend)
    before = stored()
    assert await rotate(backend) == RotationReport(seen=9, up_to_date=9)
    assert stored() == before


async def test_a_dry_run_says_what_is_still_plain_and_writes_nothing(
    with_keys: Make, stored: Stored, rotate: Any
) -> None:
    write(with_keys(), "plain")
    write(with_keys(FIRST), "first")
    before = stored()
    report = await rotate(with_keys(SECOND, FIRST), dry_run=True)
    assert report == RotationReport(seen=18, plain_left=9, older_left=9)
    assert not report.is_complete
    assert stored() == before


async def test_what_no_key_opens_is_reported_and_left_alone(
    with_keys: Make, stored: Stored, rotate: Any, raw: redis.Redis, namespace: str
) -> None:
    write(with_keys(THIRD), "lost")
    with_keys().set(TASK, "plain", "1")
    before = stored()
    report = await rotate(with_keys(SECOND, FIRST))
    assert (report.seen, report.reencrypted, report.unreadable) == (10, 1, 9)
    assert "a key that is not configured" in report.problems[0]
    assert not report.is_complete
    assert {value for value in before.values() if value[0] == 0xB2} <= set(stored().values())


async def test_other_namespaces_and_foreign_keys_are_left_alone(
    with_keys: Make, rotate: Any, raw: redis.Redis, namespace: str
) -> None:
    backend = with_keys(FIRST)
    others = [f"{namespace}:b", f"{namespace}b"]
    for other in others:
        with_keys(namespace=other).set(TASK, "key", "1")
    raw.hset(f"{namespace}:hash", "field", "foreign")
    raw.set(f"{namespace}:a:{{id:9}}", "no hash")
    assert await rotate(backend) == RotationReport()
    for other in others:
        assert with_keys(namespace=other).get(TASK, "key") == "1"
    for key in raw.scan_iter(match=f"{namespace}*", count=1000):
        raw.unlink(key)


async def test_worker_values_are_encrypted_and_references_stay_plain(
    with_keys: Make, make_worker: MakeWorker, rotate: Any, stored: Stored
) -> None:
    plain, worker = with_keys(), make_worker()
    references = {}
    for key in ("one", "two"):
        references[key] = worker.serialize_task_state_store_to_ref(
            value=f"value {key}", key=key, scope=MAPPED
        )
        plain.set(MAPPED, key, json.dumps({"__airflow_state_ref__": references[key]}))
    report = await rotate(with_keys(FIRST))
    assert report == RotationReport(seen=4, reencrypted=2, references=2)
    reader = make_worker(FIRST)
    for key, reference in references.items():
        assert reader.deserialize_task_state_store_from_ref(reference) == f"value {key}"
    with_keys(FIRST).delete(MAPPED, "one")
    assert len(stored()) == 2


async def test_large_and_many_values_are_all_found(
    with_keys: Make, rotate: Any, stored: Stored
) -> None:
    plain = with_keys()
    plain.set_many(TASK, {f"key {number}": json.dumps(number) for number in range(1500)})
    plain.set(TASK, "large", json.dumps("x" * 1_000_000))
    for index in range(200):
        plain.set(TaskScope("dag", "run", "many", index), "key", "1")
    backend = with_keys(FIRST, compression_threshold=1024)
    report = await rotate(backend)
    assert (report.reencrypted, report.is_complete) == (1701, True)
    assert {value[0] for value in stored().values()} == {0xB2, 0xB3}
    assert backend.get(TASK, "large") == json.dumps("x" * 1_000_000)


async def test_progress_is_told_and_ends_at_the_total(with_keys: Make, rotate: Any) -> None:
    write(with_keys(), "plain")
    told: list[RotationProgress] = []
    report = await rotate(with_keys(FIRST), told.append)
    assert told[-1].report == report
    assert told[-1].keys_done == told[-1].keys_total > 0
    assert all(progress.keys_done <= progress.keys_total for progress in told)


async def test_without_encryption_there_is_nothing_to_rotate_to(
    with_keys: Make, make_backend: Make, rotate: Any
) -> None:
    for backend in (with_keys(), make_backend(encryption_keys=FIRST)):
        with pytest.raises(MisconfiguredError, match="set .redis_state. encryption"):
            await rotate(backend)


async def test_no_write_beside_a_rotation_is_lost(
    with_keys: Make, rotate: Any, stored: Stored
) -> None:
    plain = with_keys(FIRST)
    scopes = [TaskScope("dag", "run", "task", index) for index in range(4)]
    for scope in scopes:
        plain.set_many(scope, {f"still {number}": "1" for number in range(30)})
    stop, last = threading.Event(), dict[tuple[StateScope, str], str]()
    failures: list[object] = []
    deadline = datetime.now(UTC) + timedelta(hours=1)

    def keep_writing(scope: StateScope, writer: RedisStateBackend) -> None:
        number = 0
        try:
            while not stop.is_set() or number < 50:
                number += 1
                key = f"key {number % 5}"
                writer.set(scope, key, str(number), expires_at=deadline if number % 2 else None)
                last[scope, key] = str(number)
                if (found := writer.get(scope, key)) != str(number):
                    failures.append((scope, key, number, found))
        except Exception as error:  # noqa: BLE001 - told by the main thread
            failures.append(error)

    # Half of them still encrypt with the older key.
    writers = [with_keys(FIRST, SECOND), with_keys(SECOND, FIRST)]
    threads = [
        threading.Thread(target=keep_writing, args=(scope, writers[number % 2]))
        for number, scope in enumerate(scopes)
    ]
    for thread in threads:
        thread.start()
    backend = with_keys(SECOND, FIRST)
    try:
        for _ in range(5):
            await rotate(backend)
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    assert failures == []
    assert (await rotate(backend)).is_complete
    newest = with_keys(SECOND)
    assert {(scope, key): newest.get(scope, key) for scope, key in last} == last
    for scope in scopes:
        assert len(newest.entries(scope)) == 35


async def test_a_rotation_that_was_stopped_goes_on_where_values_are_left(
    with_keys: Make, rotate: Any
) -> None:
    plain = with_keys()
    for number in range(30):
        plain.set(AssetScope(asset_id=number), "key", "1")
    backend = with_keys(FIRST)

    class StoppedError(Exception):
        pass

    def stop(_: RotationProgress) -> None:
        raise StoppedError

    with pytest.raises(StoppedError):
        await rotate(backend, stop)
    report = await rotate(backend)
    assert report.is_complete
    assert report.seen == 30
    assert report.up_to_date > 0
