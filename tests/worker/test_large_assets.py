"""An asset with many references: what a clear takes, and what is left of one that is cut short."""

from __future__ import annotations

import json
from typing import Any

import pytest
import redis

from redis_state import AssetScope, RedisStateBackend, RedisWorkerBackend
from redis_state.format import envelope, references
from redis_state.format.layout import place
from tests.matrix import ONE_OF_EACH_FORM
from tests.support import topologies
from tests.support.steps import Steps
from tests.support.waiting import PATIENT

ASSET = AssetScope(asset_id=7)
BY_NAME = AssetScope(name="orders")
BY_URI = AssetScope(uri="s3://bucket/orders")


@pytest.fixture(params=ONE_OF_EACH_FORM)
def server_name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def steps(server: topologies.Deployment, has_field_expiry: bool) -> Steps:
    return Steps(topologies.raw_client(server), field_expiry=has_field_expiry)


@pytest.fixture
def worker(backend: RedisStateBackend) -> RedisWorkerBackend:
    url, namespace = backend.settings.url.get_secret_value(), backend.settings.namespace
    return RedisWorkerBackend(url=url, namespace=namespace, **PATIENT)


def fill(raw: redis.Redis, backend: RedisStateBackend, worker: RedisWorkerBackend, n: int) -> None:
    """Write as many references, half of them by name; after the first, as bytes: it is quicker."""
    namespace = backend.settings.namespace
    page = place(namespace, ASSET).page
    for scope in (BY_NAME, BY_URI):
        mark = "name" if scope.name else "uri"
        names = [f"{mark} {number}" for number in range(n // 2)]
        reference = worker.serialize_asset_state_store_to_ref(value=1, key=names[0], scope=scope)
        backend.set(ASSET, names[0], document(reference))
        worker_values = place(namespace, scope, of_worker=True).page
        first, worker_value = raw.hget(page, names[0]), raw.hget(worker_values, names[0])
        assert isinstance(first, bytes)
        head = first[: envelope.SIZE]
        documents: dict[Any, Any] = {
            name: head + document(references.refer(scope, name)).encode() for name in names
        }
        raw.hset(page, mapping=documents)
        raw.hset(worker_values, mapping=_all(names, worker_value))


def _all(names: list[str], worker_value: Any) -> dict[Any, Any]:
    return dict.fromkeys(names, worker_value)


def document(reference: str) -> str:
    return json.dumps({"__airflow_state_ref__": reference})


def left(raw: Any, backend: RedisStateBackend) -> tuple[set[bytes], set[bytes]]:
    """Return the keys of the state, and of the worker values."""
    namespace = backend.settings.namespace
    worker_values = [place(namespace, scope, of_worker=True).page for scope in (BY_NAME, BY_URI)]
    state, *others = [
        set(raw.hkeys(page)) for page in (place(namespace, ASSET).page, *worker_values)
    ]
    return state, others[0] | others[1]


@pytest.mark.parametrize(("references", "most"), [(600, 5), (3_000, 40)])
def test_a_clear_takes_few_round_trips(
    backend: RedisStateBackend,
    worker: RedisWorkerBackend,
    raw: redis.Redis,
    namespace: str,
    steps: Steps,
    references: int,
    most: int,
) -> None:
    fill(raw, backend, worker, references)
    assert steps.run(backend._operations.clear(ASSET, all_map_indices=False)) <= most
    assert list(raw.scan_iter(f"{namespace}:*", count=1000)) == []


def test_each_clear_that_is_cut_short_leaves_less_and_no_key_without_its_worker_value(
    backend: RedisStateBackend,
    worker: RedisWorkerBackend,
    raw: redis.Redis,
    namespace: str,
    steps: Steps,
) -> None:
    fill(raw, backend, worker, 3_000)
    backend.set(ASSET, "plain", "1")
    before = 3_001
    for _ in range(before):
        steps.run(backend._operations.clear(ASSET, all_map_indices=False), most=5)
        state, worker_values = left(raw, backend)
        assert state - {b"plain"} <= worker_values
        now = len(state | worker_values)
        assert now < before
        before = now
        if not now:
            break
    backend.clear(ASSET)
    assert list(raw.scan_iter(f"{namespace}:*", count=1000)) == []


def test_the_next_change_of_an_asset_takes_up_what_a_clear_has_left(
    backend: RedisStateBackend,
    worker: RedisWorkerBackend,
    raw: redis.Redis,
    namespace: str,
    steps: Steps,
) -> None:
    fill(raw, backend, worker, 100)
    steps.run(backend._operations.clear(ASSET, all_map_indices=False), most=1)
    assert left(raw, backend)[0] == set()
    backend.set(ASSET, "one", "1")
    backend.delete(ASSET, "one")
    assert list(raw.scan_iter(f"{namespace}:*", count=1000)) == []


def test_a_worker_s_clear_of_many_worker_values_leaves_those_that_documents_refer_to(
    backend: RedisStateBackend, worker: RedisWorkerBackend, raw: redis.Redis
) -> None:
    fill(raw, backend, worker, 1_400)
    unreferred = {f"other {number}": "1" for number in range(600)}
    worker.set_many(BY_NAME, unreferred)
    worker.clear(BY_NAME)
    worker.delete(BY_NAME, "name 0")
    state, worker_values = left(raw, backend)
    assert worker_values == state
    assert len(state) == 1_400
