"""What a task sees in its context: the task SDK's accessors, its supervisor, and the API server."""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import redis
from airflow.sdk import Asset as DeclaredAsset
from airflow.sdk.definitions.asset import AssetNameRef, AssetUriRef
from airflow.sdk.exceptions import AirflowRuntimeError
from airflow.sdk.execution_time.context import (
    NEVER_EXPIRE,
    AssetStateStoreAccessor,
    AssetStateStoreAccessors,
    TaskStateStoreAccessor,
)
from airflow.sdk.state import TaskScope
from pydantic import ValidationError

from redis_state.format import layout
from tests.with_airflow.server.airflow_home import NAMESPACE
from tests.with_airflow.server.metadata import Asset, Metadata
from tests.with_airflow.server.supervision import supervised
from tests.with_airflow.server.tasks import MISSING, Task
from tests.with_airflow.server.values import KEYS, VALUES

RETENTION_OPTION = "AIRFLOW__STATE_STORE__DEFAULT_RETENTION_DAYS"


@pytest.fixture
def state(task: Task) -> Iterator[TaskStateStoreAccessor]:
    """Give what a task finds as `context["task_state_store"]`."""
    scope = task.instance.scope
    own = TaskScope(scope.dag_id, scope.run_id, scope.task_id, scope.map_index)
    with supervised(task):
        yield TaskStateStoreAccessor(task.instance.id, own)


@pytest.fixture
def supervision(task: Task) -> Iterator[None]:
    with supervised(task):
        yield


def lifetime(plain: redis.Redis, task: Task, key: str) -> timedelta | None:
    """Ask Redis how long it will keep a value; None for ever."""
    place = layout.place(NAMESPACE, task.instance.scope)
    (deadline,) = plain.execute_command("HPEXPIRETIME", place.page, "FIELDS", 1, place.field(key))
    if deadline == -1:
        return None
    return datetime.fromtimestamp(deadline / 1000, UTC) - datetime.now(UTC)


@pytest.mark.parametrize("value", VALUES.values(), ids=list(VALUES))
def test_a_task_finds_its_value_as_it_was(state: TaskStateStoreAccessor, value: Any) -> None:
    state.set("key", value)
    assert json.dumps(state.get("key")) == json.dumps(value)


def test_a_task_may_use_any_key(state: TaskStateStoreAccessor) -> None:
    for number, key in enumerate(KEYS.values()):
        state.set(key, number)
    assert [state.get(key) for key in KEYS.values()] == list(range(len(KEYS)))


def test_a_large_value_passes_the_supervisor(state: TaskStateStoreAccessor) -> None:
    # Airflow warns of values above [state_store] max_value_storage_bytes, and passes them on.
    state.set("key", "x" * 1_000_000)
    assert state.get("key") == "x" * 1_000_000


def test_the_default_stands_in_for_a_key_that_is_not_there(state: TaskStateStoreAccessor) -> None:
    assert state.get("key") is None
    assert state.get("key", "default") == "default"
    state.set("key", "value")
    assert state.get("key", "default") == "value"


def test_a_task_deletes_and_clears_its_state(
    state: TaskStateStoreAccessor, plain: redis.Redis
) -> None:
    for key in ("job_id", "checkpoint", "progress"):
        state.set(key, key)
    state.delete("job_id")
    state.delete("never set")
    assert [state.get("job_id"), state.get("checkpoint")] == [None, "checkpoint"]
    state.clear()
    assert state.get("checkpoint") is None
    assert plain.dbsize() == 0


def test_none_is_no_value(state: TaskStateStoreAccessor, plain: redis.Redis) -> None:
    with pytest.raises(ValueError, match="None"):
        state.set("key", None)
    assert plain.dbsize() == 0


def test_what_json_has_no_word_for_is_refused_in_the_task(
    state: TaskStateStoreAccessor, plain: redis.Redis
) -> None:
    with pytest.raises(ValidationError):
        state.set("watermark", datetime.now(UTC))
    assert plain.dbsize() == 0


def test_a_value_lives_for_airflow_s_default_retention(
    state: TaskStateStoreAccessor, task: Task, plain: redis.Redis
) -> None:
    state.set("key", "value")
    left = lifetime(plain, task, "key")
    assert left is not None
    assert timedelta(days=29, hours=23) < left <= timedelta(days=30)


def test_a_value_lives_for_the_retention_that_the_task_gives(
    state: TaskStateStoreAccessor, task: Task, plain: redis.Redis
) -> None:
    state.set("key", "value", retention=timedelta(hours=6))
    left = lifetime(plain, task, "key")
    assert left is not None
    assert timedelta(hours=5) < left <= timedelta(hours=6)


def test_a_value_that_never_expires_is_kept_for_ever(
    state: TaskStateStoreAccessor, task: Task, plain: redis.Redis
) -> None:
    state.set("key", "value", retention=timedelta(hours=6))
    state.set("key", "value", retention=NEVER_EXPIRE)
    assert lifetime(plain, task, "key") is None


def test_a_default_retention_of_zero_days_keeps_values_for_ever(
    state: TaskStateStoreAccessor,
    task: Task,
    plain: redis.Redis,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv(RETENTION_OPTION, "0")
    state.set("key", "value")
    assert lifetime(plain, task, "key") is None


def test_a_default_retention_below_zero_is_told_to_the_task(
    state: TaskStateStoreAccessor, plain: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(RETENTION_OPTION, "-1")
    with pytest.raises(ValueError, match="default_retention_days must be >= 0"):
        state.set("key", "value")
    assert plain.dbsize() == 0


def test_a_retention_in_the_past_leaves_the_key_absent(state: TaskStateStoreAccessor) -> None:
    state.set("key", "older")
    state.set("key", "value", retention=timedelta(seconds=-1))
    assert state.get("key") is None


def test_mapped_tasks_see_their_own_state_alone(mapped: list[Task]) -> None:
    for task in mapped:
        with supervised(task):
            state = TaskStateStoreAccessor(task.instance.id, task.instance.scope)
            assert state.get("job_id") is None
            state.set("job_id", task.instance.scope.map_index)
    assert [task.get("job_id") for task in mapped] == [0, 1, 128]


@pytest.mark.parametrize("by", ["name", "uri"])
def test_a_task_keeps_the_state_of_an_asset(supervision: None, asset: Asset, by: str) -> None:
    state = AssetStateStoreAccessor(**{by: getattr(asset, by)})
    assert state.get("watermark", "default") == "default"
    state.set("watermark", {"at": "2026-04-29"})
    state.set("file_count", 42)
    assert state.get("watermark") == {"at": "2026-04-29"}
    state.delete("watermark")
    assert [state.get("watermark"), state.get("file_count")] == [None, 42]
    state.clear()
    assert state.get("file_count") is None
    with pytest.raises(ValueError, match="None"):
        state.set("watermark", None)


@pytest.mark.parametrize("by", ["name", "uri"])
async def test_an_async_task_keeps_the_state_of_an_asset(
    supervision: None, asset: Asset, by: str
) -> None:
    state = AssetStateStoreAccessor(**{by: getattr(asset, by)})
    assert await state.aget("watermark", "default") == "default"
    await state.aset("watermark", 1)
    assert await state.aget("watermark") == 1
    await state.adelete("watermark")
    assert await state.aget("watermark") is None
    await state.aset("watermark", 2)
    await state.aclear()
    assert await state.aget("watermark") is None


def test_inlets_and_outlets_and_references_to_an_asset_meet_in_one_state(
    supervision: None, asset: Asset
) -> None:
    declared = DeclaredAsset(name=asset.name, uri=asset.uri)
    by_name, by_uri = AssetNameRef(asset.name), AssetUriRef(asset.uri)
    AssetStateStoreAccessors([declared]).set("watermark", 1)
    assert AssetStateStoreAccessors([declared])[declared].get("watermark") == 1
    assert AssetStateStoreAccessors([], [declared]).get("watermark") == 1
    assert AssetStateStoreAccessors([by_name])[by_name].get("watermark") == 1
    assert AssetStateStoreAccessors([], [by_uri])[by_uri].get("watermark") == 1


def test_a_task_with_two_assets_keeps_them_apart(
    supervision: None, asset: Asset, metadata: Metadata
) -> None:
    one, two = (
        DeclaredAsset(name=known.name, uri=known.uri) for known in (asset, metadata.asset())
    )
    states = AssetStateStoreAccessors([one], [two])
    states[one].set("watermark", 1)
    states[two].set("watermark", 2)
    assert [states[one].get("watermark"), states[two].get("watermark")] == [1, 2]


def test_writing_to_an_asset_that_is_unknown_fails_in_the_task(
    supervision: None, plain: redis.Redis
) -> None:
    unknown = AssetStateStoreAccessor(name="unknown")
    assert unknown.get("watermark", "default") == "default"
    with pytest.raises(AirflowRuntimeError, match="name='unknown' not found"):
        unknown.set("watermark", 1)
    assert plain.dbsize() == 0


def test_threads_of_a_task_share_its_supervisor(
    state: TaskStateStoreAccessor,
) -> None:
    def work(number: int) -> None:
        state.set(f"key-{number}", number)
        assert state.get(f"key-{number}") == number
        state.delete(f"key-{number}")
        assert state.get(f"key-{number}", MISSING) is MISSING

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(work, range(8)))
