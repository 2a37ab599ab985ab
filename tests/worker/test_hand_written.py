"""References that somebody wrote by hand reach nothing that is not theirs to remove."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from redis_state import (
    AssetScope,
    CorruptValueError,
    InvalidScopeError,
    RedisStateBackend,
    RedisWorkerBackend,
    TaskScope,
)
from redis_state.airflow import assets
from redis_state.format import references
from tests.matrix import ONE_OF_EACH_FORM
from tests.support.methods import Methods
from tests.support.waiting import PATIENT

TASK = TaskScope("dag", "run", "task")
ASSET = AssetScope(asset_id=7)
BY_NAME = AssetScope(name="orders")
PAYROLL = AssetScope(asset_id=8)
PAYROLL_BY_NAME = AssetScope(name="payroll")


@pytest.fixture(params=ONE_OF_EACH_FORM)
def server_name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def worker(backend: RedisStateBackend) -> Iterator[RedisWorkerBackend]:
    url, namespace = backend.settings.url.get_secret_value(), backend.settings.namespace
    made = RedisWorkerBackend(url=url, namespace=namespace, **PATIENT)
    yield made
    made.close()


def document(reference: str) -> str:
    return json.dumps({"__airflow_state_ref__": reference})


async def end(methods: Methods, how: str, key: str) -> None:
    if how == "delete":
        await methods.delete(ASSET, key)
    elif how == "clear":
        await methods.clear(ASSET)
    else:
        await methods.set(ASSET, key, '"plain"')


@pytest.mark.parametrize("how", ["delete", "clear", "replace"])
@pytest.mark.parametrize("key", ["wm", "another"])
async def test_the_worker_value_of_another_asset_stays(
    worker: RedisWorkerBackend, methods: Methods, how: str, key: str
) -> None:
    keep, fetch = (
        worker.serialize_asset_state_store_to_ref,
        worker.deserialize_asset_state_store_from_ref,
    )
    reference = keep(value="theirs", key="wm", scope=PAYROLL_BY_NAME)
    assert reference == "redis-state:asset/name/payroll/wm"
    await methods.set(PAYROLL, "wm", document(reference))
    await methods.set(ASSET, key, document(reference))
    assert await methods.get(ASSET, key) == document(reference)
    await end(methods, how, key)
    worker.delete(BY_NAME, key)
    worker.clear(BY_NAME)
    assert fetch(reference) == "theirs"
    await methods.delete(PAYROLL, "wm")
    assert worker.entries(PAYROLL_BY_NAME) == {}


async def test_a_worker_value_that_was_bound_by_the_wrong_asset_comes_back_to_its_own(
    worker: RedisWorkerBackend, methods: Methods, monkeypatch: pytest.MonkeyPatch
) -> None:
    reference = worker.serialize_asset_state_store_to_ref(
        value="theirs", key="wm", scope=PAYROLL_BY_NAME
    )
    # As nobody knows whose the name is, the first document binds the worker value.
    await methods.set(ASSET, "wm", document(reference))
    with monkeypatch.context() as patched:
        patched.setattr(assets, "is_same", lambda *_: True)
        await methods.set(PAYROLL, "wm", document(reference))
    await methods.delete(ASSET, "wm")
    assert worker.deserialize_asset_state_store_from_ref(reference) == "theirs"
    await methods.delete(PAYROLL, "wm")
    assert worker.entries(PAYROLL_BY_NAME) == {}


@pytest.mark.parametrize("how", ["delete", "clear", "replace"])
async def test_the_worker_value_of_another_key_stays(
    worker: RedisWorkerBackend, methods: Methods, how: str
) -> None:
    reference = worker.serialize_asset_state_store_to_ref(value=1, key="wm", scope=BY_NAME)
    await methods.set(ASSET, "another", document(reference))
    await end(methods, how, "another")
    assert worker.deserialize_asset_state_store_from_ref(reference) == 1


@pytest.mark.parametrize("how", ["delete", "clear", "replace"])
async def test_an_asset_known_by_name_removes_no_worker_value_of_another_name(
    worker: RedisWorkerBackend, methods: Methods, how: str
) -> None:
    # No document refers to it yet, so nothing but the name tells whose it is.
    reference = worker.serialize_asset_state_store_to_ref(value=1, key="wm", scope=PAYROLL_BY_NAME)
    await methods.set(BY_NAME, "wm", document(reference))
    await methods.delete(BY_NAME, "wm")
    assert worker.deserialize_asset_state_store_from_ref(reference) == 1


def test_a_task_s_reference_is_none_in_the_state_of_an_asset_nor_the_other_way_round(
    worker: RedisWorkerBackend,
) -> None:
    of_task = worker.serialize_task_state_store_to_ref(value=1, key="k", scope=TASK)
    of_asset = worker.serialize_asset_state_store_to_ref(value=1, key="k", scope=BY_NAME)
    with pytest.raises(CorruptValueError, match="is a task's, and stands in the state of an asset"):
        worker.deserialize_asset_state_store_from_ref(of_task)
    with pytest.raises(CorruptValueError, match="is an asset's, and stands in the state of a task"):
        worker.deserialize_task_state_store_from_ref(of_asset)


IMPOSSIBLE = {
    "a map index below -1": "redis-state:task/d/r/t/-5//k",
    "a map index of too many digits": f"redis-state:task/d/r/t/1{'0' * 5000}//k",
    "a map index of some hundred digits": f"redis-state:task/d/r/t/1{'0' * 200}//k",
    "a map index with a sign": "redis-state:task/d/r/t/+5//k",
    "a map index in other digits": "redis-state:task/d/r/t/\u0665//k",
    "a key that is too long": f"redis-state:task/d/r/t/-1//{'k' * 600}",
    "a region that is none": "redis-state:task/d/r/t/-1/x/k",
}


@pytest.mark.parametrize("reference", IMPOSSIBLE.values(), ids=IMPOSSIBLE)
def test_a_reference_that_nobody_could_have_been_given_is_a_corrupt_value(
    worker: RedisWorkerBackend, reference: str
) -> None:
    with pytest.raises(CorruptValueError, match="cannot be read"):
        worker.deserialize_task_state_store_from_ref(reference)


def test_an_asset_s_reference_with_too_long_a_key_is_a_corrupt_value(
    worker: RedisWorkerBackend,
) -> None:
    reference = references.refer(BY_NAME, "k" * 600)
    with pytest.raises(CorruptValueError, match="cannot be read"):
        worker.deserialize_asset_state_store_from_ref(reference)


@pytest.mark.parametrize("text", list(IMPOSSIBLE.values()))
async def test_its_document_is_a_value_like_any_other(methods: Methods, text: str) -> None:
    for scope in (TASK, ASSET):
        await methods.set(scope, "key", document(text))
        assert await methods.get(scope, "key") == document(text)


SCOPES: list[Any] = [TaskScope("d", "r", "t", 10**5000), AssetScope(asset_id=-(10**5000))]


@pytest.mark.parametrize("scope", SCOPES, ids=["map index", "asset id"])
async def test_a_number_beyond_all_numbers_is_an_error_of_ours(
    worker: RedisWorkerBackend, methods: Methods, scope: Any
) -> None:
    with pytest.raises(InvalidScopeError, match="at most 100 digits"):
        await methods.get(scope, "key")
    with pytest.raises(InvalidScopeError, match="at most 100 digits"):
        worker.serialize_task_state_store_to_ref(value=1, key="k", scope=scope)
