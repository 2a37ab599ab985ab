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
from tests.support.methods import Methods
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
    methods: Methods,
    scope: StateScope,
    key: str,
    value: object,
    expires_at: datetime | None = None,
    at: StateScope | None = None,
) -> str:
    reference = keep(worker, scope)(value=value, key=key, scope=scope)
    await methods.set(at or scope, key, document(reference), expires_at=expires_at)
    return reference


async def load(worker: RedisWorkerBackend, methods: Methods, scope: StateScope, key: str) -> object:
    stored = await methods.get(scope, key)
    if stored is None:
        return None
    return fetch(worker, scope)(json.loads(stored)["__airflow_state_ref__"])


def keys_of(raw: redis.Redis, namespace: str) -> list[bytes]:
    return sorted(raw.scan_iter(f"{namespace}:*", count=1000))


@TASKS
async def test_a_value_comes_back_by_its_reference(
    worker: RedisWorkerBackend, methods: Methods, scope: TaskScope
) -> None:
    await store(worker, methods, scope, "key", {"a": [1, None, "ü"]})
    assert await load(worker, methods, scope, "key") == {"a": [1, None, "ü"]}
    assert await load(worker, methods, SIBLING, "key") is None


@TASKS
async def test_the_worker_value_takes_the_expiry_of_its_reference(
    worker: RedisWorkerBackend, methods: Methods, scope: TaskScope
) -> None:
    deadline = in_an_hour()
    await store(worker, methods, scope, "key", "value", deadline)
    assert worker.entries(scope)["key"].expires_at == deadline
    assert (await methods.entries(scope))["key"].expires_at == deadline


@TASKS
async def test_a_later_reference_decides_the_expiry_of_the_worker_value_afresh(
    worker: RedisWorkerBackend, methods: Methods, scope: TaskScope
) -> None:
    await store(worker, methods, scope, "key", "value", in_an_hour())
    later = in_an_hour() + timedelta(days=3)
    await store(worker, methods, scope, "key", "value", later)
    assert worker.entries(scope)["key"].expires_at == later
    await store(worker, methods, scope, "key", "value")
    assert worker.entries(scope)["key"].expires_at is None


@TASKS
async def test_a_reference_that_is_past_takes_its_worker_value_along(
    worker: RedisWorkerBackend,
    methods: Methods,
    scope: TaskScope,
    raw: redis.Redis,
    namespace: str,
) -> None:
    await store(worker, methods, scope, "key", "value", datetime(2020, 1, 1, tzinfo=UTC))
    assert keys_of(raw, namespace) == []


async def test_a_deadline_past_what_servers_take_is_kept_by_both(
    worker: RedisWorkerBackend, methods: Methods
) -> None:
    last = datetime(9999, 12, 31, 23, 59, 59, 999999, tzinfo=UTC)
    await store(worker, methods, PLAIN, "key", "value", last)
    assert worker.entries(PLAIN)["key"].expires_at == last


@TASKS
async def test_deleting_on_the_server_side_leaves_no_worker_value(
    worker: RedisWorkerBackend,
    methods: Methods,
    scope: TaskScope,
    raw: redis.Redis,
    namespace: str,
) -> None:
    await store(worker, methods, scope, "key", "value", in_an_hour())
    await methods.delete(scope, "key")
    assert keys_of(raw, namespace) == []


@TASKS
async def test_clearing_on_the_server_side_leaves_no_worker_value(
    worker: RedisWorkerBackend,
    methods: Methods,
    scope: TaskScope,
    raw: redis.Redis,
    namespace: str,
) -> None:
    await store(worker, methods, scope, "a", "value", in_an_hour())
    await store(worker, methods, scope, "b", "value")
    await methods.clear(scope)
    assert keys_of(raw, namespace) == []


async def test_clearing_one_map_index_keeps_the_worker_values_of_its_siblings(
    worker: RedisWorkerBackend, methods: Methods
) -> None:
    for scope in (MAPPED, SIBLING):
        await store(worker, methods, scope, "key", scope.map_index, in_an_hour())
    await methods.clear(MAPPED)
    assert await load(worker, methods, MAPPED, "key") is None
    assert worker.entries(MAPPED) == {}
    assert await load(worker, methods, SIBLING, "key") == SIBLING.map_index


async def test_clearing_all_map_indices_leaves_no_worker_value(
    worker: RedisWorkerBackend, methods: Methods, raw: redis.Redis, namespace: str
) -> None:
    for index in range(-1, 10):
        await store(worker, methods, TaskScope("dag", "run", "task", index), "key", index)
    await methods.clear(PLAIN, all_map_indices=True)
    assert keys_of(raw, namespace) == []


@TASKS
async def test_deleting_and_clearing_on_the_worker_leave_no_worker_value(
    worker: RedisWorkerBackend, methods: Methods, scope: TaskScope
) -> None:
    workers = Methods(worker, "async")
    await store(worker, methods, scope, "a", "value", in_an_hour())
    await store(worker, methods, scope, "b", "value", in_an_hour())
    await methods.delete(scope, "a")
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
    methods: Methods,
    scope: AssetScope,
    raw: redis.Redis,
    namespace: str,
) -> None:
    await store(worker, methods, scope, "a", 1, at=ASSET)
    await store(worker, methods, scope, "b", 2, at=ASSET)
    await methods.set(ASSET, "plain", "3")
    assert await load(worker, methods, ASSET, "a") == 1
    await methods.delete(ASSET, "a")
    assert set(worker.entries(scope)) == {"b"}
    assert set(await methods.entries(ASSET)) == {"b", "plain"}
    await methods.clear(ASSET)
    assert keys_of(raw, namespace) == []


async def test_an_asset_written_by_name_and_then_by_uri_has_one_worker_value(
    worker: RedisWorkerBackend, methods: Methods
) -> None:
    await store(worker, methods, BY_NAME, "key", "by name", at=ASSET)
    await store(worker, methods, BY_URI, "key", "by uri", at=ASSET)
    assert worker.entries(BY_NAME) == {}
    assert await load(worker, methods, ASSET, "key") == "by uri"
    await store(worker, methods, BY_URI, "key", "again", at=ASSET)
    assert await load(worker, methods, ASSET, "key") == "again"


@TASKS
async def test_an_inline_value_takes_the_place_of_a_worker_value(
    worker: RedisWorkerBackend, methods: Methods, scope: TaskScope
) -> None:
    await store(worker, methods, scope, "key", "long", in_an_hour())
    await methods.set(scope, "key", document('"short"'), expires_at=in_an_hour())
    assert worker.entries(scope) == {}
    assert await load(worker, methods, scope, "key") == "short"


async def test_a_reference_to_another_s_worker_value_moves_nothing_of_it(
    worker: RedisWorkerBackend, methods: Methods
) -> None:
    theirs = TaskScope("dag", "run", "other")
    foreign = await store(worker, methods, theirs, "key", "theirs")
    await methods.set(PLAIN, "key", document(foreign), expires_at=in_an_hour())
    await methods.set(ASSET, "key", document(foreign))
    await methods.delete(ASSET, "key")
    await methods.set(ASSET, "key", document(foreign))
    await methods.clear(ASSET)
    await methods.clear(PLAIN)
    assert worker.entries(theirs)["key"].expires_at is None
    assert await load(worker, methods, theirs, "key") == "theirs"


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
async def test_a_document_of_others_is_a_value_like_any_other(methods: Methods, text: str) -> None:
    deadline = in_an_hour()
    await methods.set(PLAIN, "key", text, expires_at=deadline)
    assert (await methods.entries(PLAIN))["key"][::2] == (text, deadline)
    await methods.delete(PLAIN, "key")
    assert await methods.get(PLAIN, "key") is None
    await methods.set(ASSET, "key", text)
    assert await methods.get(ASSET, "key") == text
    await methods.clear(ASSET)
    assert await methods.get(ASSET, "key") is None


async def test_a_region_has_worker_values_of_its_own(
    worker: RedisWorkerBackend, methods: Methods
) -> None:
    other = TaskScope("dag", "run", "task", -1, type(ZERO_REGION)(int=9))
    await store(worker, methods, PLAIN, "key", "zero")
    await store(worker, methods, other, "key", "other")
    assert await load(worker, methods, PLAIN, "key") == "zero"
    await methods.clear(PLAIN, all_map_indices=True)
    assert await load(worker, methods, other, "key") == "other"


@pytest.mark.parametrize("how", ["delete", "clear"])
@pytest.mark.parametrize(
    ("scope", "at"),
    [(PLAIN, PLAIN), (MAPPED, MAPPED), (BY_NAME, ASSET), (BY_URI, ASSET)],
    ids=["plain", "mapped", "name", "uri"],
)
async def test_a_document_whose_worker_value_went_is_refused_and_may_be_set_again(
    worker: RedisWorkerBackend, methods: Methods, scope: StateScope, at: StateScope, how: str
) -> None:
    reference = keep(worker, scope)(value="lost", key="key", scope=scope)
    # Another task's, which comes between a worker value and its document.
    for side, of in ((methods, at), (Methods(worker, "sync"), scope)):
        await (side.delete(of, "key") if how == "delete" else side.clear(of))
    with pytest.raises(ConflictError, match="Set it again"):
        await methods.set(at, "key", document(reference))
    assert await methods.get(at, "key") is None
    await store(worker, methods, scope, "key", "value", at=at)
    found = await methods.get(at, "key")
    assert found is not None
    assert fetch(worker, scope)(reference) == "value"


@TASKS
async def test_a_reference_that_is_past_may_be_repeated(
    worker: RedisWorkerBackend, methods: Methods, scope: TaskScope, raw: redis.Redis, namespace: str
) -> None:
    past = datetime(2020, 1, 1, tzinfo=UTC)
    reference = await store(worker, methods, scope, "key", "value", past)
    await methods.set(scope, "key", document(reference), expires_at=past)
    assert keys_of(raw, namespace) == []
