"""Both plug points on one Redis: worker values, and the state that refers to them.

The order of the calls is Airflow's: the worker keeps its value, then the server side gets the
document; a deletion reaches the server side first.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import redis

from redis_state import (
    AssetScope,
    ConflictError,
    RedisStateBackend,
    RedisWorkerBackend,
    StateScope,
    TaskScope,
)
from redis_state.scopes import ZERO_REGION
from tests.support.verbs import Verbs
from tests.support.waiting import PATIENT

PLAIN = TaskScope("dag", "run", "task")
MAPPED = TaskScope("dag", "run", "task", 5)
SIBLING = TaskScope("dag", "run", "task", 5 + 128)
TASKS = pytest.mark.parametrize("scope", [PLAIN, MAPPED], ids=["plain", "mapped"])
ASSET = AssetScope(asset_id=7)
BY_NAME = AssetScope(name="orders")
BY_URI = AssetScope(uri="s3://bucket/orders")


@pytest.fixture
def worker(backend: RedisStateBackend) -> Any:
    made = RedisWorkerBackend(
        url=backend.settings.url.get_secret_value(),
        namespace=backend.settings.namespace,
        **PATIENT,
    )
    yield made
    made.close()


def document(reference: str) -> str:
    return json.dumps({"__airflow_state_ref__": reference})


def keep(worker: RedisWorkerBackend, scope: StateScope) -> Callable[..., str]:
    if isinstance(scope, TaskScope):
        return worker.serialize_task_state_store_to_ref
    return worker.serialize_asset_state_store_to_ref


def fetch(worker: RedisWorkerBackend, scope: StateScope) -> Callable[[str], object]:
    if isinstance(scope, TaskScope):
        return worker.deserialize_task_state_store_from_ref
    return worker.deserialize_asset_state_store_from_ref


def in_an_hour() -> datetime:
    return datetime.now(UTC) + timedelta(hours=1)


async def store(
    worker: RedisWorkerBackend,
    verbs: Verbs,
    scope: StateScope,
    key: str,
    value: object,
    expires_at: datetime | None = None,
    at: StateScope | None = None,
) -> str:
    reference = keep(worker, scope)(value=value, key=key, scope=scope)
    await verbs.set(at or scope, key, document(reference), expires_at=expires_at)
    return reference


async def load(worker: RedisWorkerBackend, verbs: Verbs, scope: StateScope, key: str) -> object:
    stored = await verbs.get(scope, key)
    if stored is None:
        return None
    return fetch(worker, scope)(json.loads(stored)["__airflow_state_ref__"])


def keys_of(raw: redis.Redis, namespace: str) -> list[bytes]:
    return sorted(raw.scan_iter(f"{namespace}:*", count=1000))


@TASKS
async def test_a_value_comes_back_by_its_reference(
    worker: RedisWorkerBackend, verbs: Verbs, scope: TaskScope
) -> None:
    await store(worker, verbs, scope, "key", {"a": [1, None, "ü"]})
    assert await load(worker, verbs, scope, "key") == {"a": [1, None, "ü"]}
    assert await load(worker, verbs, SIBLING, "key") is None


@TASKS
async def test_the_worker_value_takes_the_expiry_of_its_reference(
    worker: RedisWorkerBackend, verbs: Verbs, scope: TaskScope
) -> None:
    deadline = in_an_hour()
    await store(worker, verbs, scope, "key", "value", deadline)
    assert worker.entries(scope)["key"].expires_at == deadline
    assert (await verbs.entries(scope))["key"].expires_at == deadline


@TASKS
async def test_a_later_reference_decides_the_expiry_of_the_worker_value_afresh(
    worker: RedisWorkerBackend, verbs: Verbs, scope: TaskScope
) -> None:
    await store(worker, verbs, scope, "key", "value", in_an_hour())
    later = in_an_hour() + timedelta(days=3)
    await store(worker, verbs, scope, "key", "value", later)
    assert worker.entries(scope)["key"].expires_at == later
    await store(worker, verbs, scope, "key", "value")
    assert worker.entries(scope)["key"].expires_at is None


@TASKS
async def test_a_reference_that_is_past_takes_its_worker_value_along(
    worker: RedisWorkerBackend,
    verbs: Verbs,
    scope: TaskScope,
    raw: redis.Redis,
    namespace: str,
) -> None:
    await store(worker, verbs, scope, "key", "value", datetime(2020, 1, 1, tzinfo=UTC))
    assert keys_of(raw, namespace) == []


async def test_a_deadline_past_what_servers_take_is_kept_by_both(
    worker: RedisWorkerBackend, verbs: Verbs
) -> None:
    last = datetime(9999, 12, 31, 23, 59, 59, 999999, tzinfo=UTC)
    await store(worker, verbs, PLAIN, "key", "value", last)
    assert worker.entries(PLAIN)["key"].expires_at == last


@TASKS
async def test_deleting_on_the_server_side_leaves_no_worker_value(
    worker: RedisWorkerBackend,
    verbs: Verbs,
    scope: TaskScope,
    raw: redis.Redis,
    namespace: str,
) -> None:
    await store(worker, verbs, scope, "key", "value", in_an_hour())
    await verbs.delete(scope, "key")
    assert keys_of(raw, namespace) == []


@TASKS
async def test_clearing_on_the_server_side_leaves_no_worker_value(
    worker: RedisWorkerBackend,
    verbs: Verbs,
    scope: TaskScope,
    raw: redis.Redis,
    namespace: str,
) -> None:
    await store(worker, verbs, scope, "a", "value", in_an_hour())
    await store(worker, verbs, scope, "b", "value")
    await verbs.clear(scope)
    assert keys_of(raw, namespace) == []


async def test_clearing_one_map_index_keeps_the_worker_values_of_its_siblings(
    worker: RedisWorkerBackend, verbs: Verbs
) -> None:
    for scope in (MAPPED, SIBLING):
        await store(worker, verbs, scope, "key", scope.map_index, in_an_hour())
    await verbs.clear(MAPPED)
    assert await load(worker, verbs, MAPPED, "key") is None
    assert worker.entries(MAPPED) == {}
    assert await load(worker, verbs, SIBLING, "key") == SIBLING.map_index


async def test_clearing_all_map_indices_leaves_no_worker_value(
    worker: RedisWorkerBackend, verbs: Verbs, raw: redis.Redis, namespace: str
) -> None:
    for index in range(-1, 10):
        await store(worker, verbs, TaskScope("dag", "run", "task", index), "key", index)
    await verbs.clear(PLAIN, all_map_indices=True)
    assert keys_of(raw, namespace) == []


@TASKS
async def test_deleting_and_clearing_on_the_worker_leave_no_worker_value(
    worker: RedisWorkerBackend, verbs: Verbs, scope: TaskScope
) -> None:
    workers = Verbs(worker, "async")
    await store(worker, verbs, scope, "a", "value", in_an_hour())
    await store(worker, verbs, scope, "b", "value", in_an_hour())
    await verbs.delete(scope, "a")
    await workers.delete(scope, "a")
    assert set(worker.entries(scope)) == {"b"}
    await workers.clear(scope)
    assert worker.entries(scope) == {}
    await workers.set(scope, "c", "1")
    await workers.clear(scope, all_map_indices=True)
    assert worker.entries(scope) == {}


@pytest.mark.parametrize("scope", [BY_NAME, BY_URI], ids=["name", "uri"])
async def test_the_state_of_an_asset_refers_to_a_worker_value_by_name_or_uri(
    worker: RedisWorkerBackend,
    verbs: Verbs,
    scope: AssetScope,
    raw: redis.Redis,
    namespace: str,
) -> None:
    await store(worker, verbs, scope, "a", 1, at=ASSET)
    await store(worker, verbs, scope, "b", 2, at=ASSET)
    await verbs.set(ASSET, "plain", "3")
    assert await load(worker, verbs, ASSET, "a") == 1
    await verbs.delete(ASSET, "a")
    assert set(worker.entries(scope)) == {"b"}
    assert set(await verbs.entries(ASSET)) == {"b", "plain"}
    await verbs.clear(ASSET)
    assert keys_of(raw, namespace) == []


async def test_an_asset_written_by_name_and_then_by_uri_has_one_worker_value(
    worker: RedisWorkerBackend, verbs: Verbs
) -> None:
    await store(worker, verbs, BY_NAME, "key", "by name", at=ASSET)
    await store(worker, verbs, BY_URI, "key", "by uri", at=ASSET)
    assert worker.entries(BY_NAME) == {}
    assert await load(worker, verbs, ASSET, "key") == "by uri"
    await store(worker, verbs, BY_URI, "key", "again", at=ASSET)
    assert await load(worker, verbs, ASSET, "key") == "again"


@TASKS
async def test_an_inline_value_takes_the_place_of_a_worker_value(
    worker: RedisWorkerBackend, verbs: Verbs, scope: TaskScope
) -> None:
    await store(worker, verbs, scope, "key", "long", in_an_hour())
    await verbs.set(scope, "key", document('"short"'), expires_at=in_an_hour())
    assert worker.entries(scope) == {}
    assert await load(worker, verbs, scope, "key") == "short"


async def test_a_reference_to_another_s_worker_value_moves_nothing_of_it(
    worker: RedisWorkerBackend, verbs: Verbs
) -> None:
    theirs = TaskScope("dag", "run", "other")
    foreign = await store(worker, verbs, theirs, "key", "theirs")
    await verbs.set(PLAIN, "key", document(foreign), expires_at=in_an_hour())
    await verbs.set(ASSET, "key", document(foreign))
    await verbs.delete(ASSET, "key")
    await verbs.set(ASSET, "key", document(foreign))
    await verbs.clear(ASSET)
    await verbs.clear(PLAIN)
    assert worker.entries(theirs)["key"].expires_at is None
    assert await load(worker, verbs, theirs, "key") == "theirs"


@pytest.mark.parametrize(
    "text",
    [
        '{"__airflow_state_ref__": "s3://bucket/key"}',
        '{"__airflow_state_ref__": "redis-state:nothing"}',
        '{"__airflow_state_ref__": "redis-state:task/a/b/c/x//k"}',
        '{"__airflow_state_ref__": 5}',
        '{"__airflow_state_ref__": "a", "more": 1}',
        '{"__airflow_state_ref__": "',
    ],
)
async def test_a_document_of_others_is_a_value_like_any_other(verbs: Verbs, text: str) -> None:
    deadline = in_an_hour()
    await verbs.set(PLAIN, "key", text, expires_at=deadline)
    assert (await verbs.entries(PLAIN))["key"][::2] == (text, deadline)
    await verbs.delete(PLAIN, "key")
    assert await verbs.get(PLAIN, "key") is None
    await verbs.set(ASSET, "key", text)
    assert await verbs.get(ASSET, "key") == text
    await verbs.clear(ASSET)
    assert await verbs.get(ASSET, "key") is None


async def test_a_region_has_worker_values_of_its_own(
    worker: RedisWorkerBackend, verbs: Verbs
) -> None:
    other = TaskScope("dag", "run", "task", -1, type(ZERO_REGION)(int=9))
    await store(worker, verbs, PLAIN, "key", "zero")
    await store(worker, verbs, other, "key", "other")
    assert await load(worker, verbs, PLAIN, "key") == "zero"
    await verbs.clear(PLAIN, all_map_indices=True)
    assert await load(worker, verbs, other, "key") == "other"


@pytest.mark.parametrize("how", ["delete", "clear"])
@pytest.mark.parametrize(
    ("scope", "at"),
    [(PLAIN, PLAIN), (MAPPED, MAPPED), (BY_NAME, ASSET), (BY_URI, ASSET)],
    ids=["plain", "mapped", "name", "uri"],
)
async def test_a_document_whose_worker_value_went_is_refused_and_may_be_set_again(
    worker: RedisWorkerBackend, verbs: Verbs, scope: StateScope, at: StateScope, how: str
) -> None:
    reference = keep(worker, scope)(value="lost", key="key", scope=scope)
    # Another task's, which comes between a worker value and its document.
    for side, of in ((verbs, at), (Verbs(worker, "sync"), scope)):
        await (side.delete(of, "key") if how == "delete" else side.clear(of))
    with pytest.raises(ConflictError, match="Set it again"):
        await verbs.set(at, "key", document(reference))
    assert await verbs.get(at, "key") is None
    await store(worker, verbs, scope, "key", "value", at=at)
    found = await verbs.get(at, "key")
    assert found is not None
    assert fetch(worker, scope)(reference) == "value"


@TASKS
async def test_a_reference_that_is_past_may_be_repeated(
    worker: RedisWorkerBackend, verbs: Verbs, scope: TaskScope, raw: redis.Redis, namespace: str
) -> None:
    past = datetime(2020, 1, 1, tzinfo=UTC)
    reference = await store(worker, verbs, scope, "key", "value", past)
    await verbs.set(scope, "key", document(reference), expires_at=past)
    assert keys_of(raw, namespace) == []
