"""The state of assets through Airflow's own Execution API, client and tokens."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
import redis
from airflow.sdk.api.client import ServerResponseError

from redis_state import AssetScope
from redis_state.format import layout
from redis_state.format.envelope import decode
from tests.with_airflow.server.airflow_home import NAMESPACE
from tests.with_airflow.server.metadata import Asset, Instance, Metadata
from tests.with_airflow.server.tasks import JSON, MISSING, AssetStore, Task
from tests.with_airflow.server.values import KEYS, VALUES

BY = ["name", "uri"]
# Asset keys travel in the query, where no part of the way gives them a meaning.
ASSET_KEYS = KEYS | {"newline": "a\nb", "dot": ".", "dots": ".."}


@pytest.fixture(params=BY)
def store(request: pytest.FixtureRequest, task: Task, asset: Asset) -> AssetStore:
    return task.on(asset, by=request.param)


def requests_for(task: Task, asset: Asset, by: str) -> list[Any]:
    value, clear = f"store/asset/by-{by}/value", f"store/asset/by-{by}/clear"
    params = {by: getattr(asset, by), "key": "key"}
    return [
        task.http.get(value, params=params),
        task.http.put(value, params=params, json={"value": 1}),
        task.http.delete(value, params=params),
        task.http.delete(clear, params={by: getattr(asset, by)}),
    ]


@pytest.mark.parametrize("value", VALUES.values(), ids=list(VALUES))
def test_a_value_comes_back_as_it_was(
    task: Task, asset: Asset, plain: redis.Redis, value: Any
) -> None:
    task.on(asset).set("key", value)
    assert json.dumps(task.on(asset).get("key")) == json.dumps(value)
    place = layout.place(NAMESPACE, AssetScope(asset_id=asset.id))
    raw: Any = plain.hget(place.page, "key")
    assert decode(raw, place.page, "key").text == json.dumps(value)


@pytest.mark.parametrize("key", ASSET_KEYS.values(), ids=list(ASSET_KEYS))
def test_a_key_may_hold_anything(task: Task, asset: Asset, key: str) -> None:
    store = task.on(asset)
    store.set("other", "untouched")
    store.set(key, "mine")
    assert store.get(key) == "mine"
    store.delete(key)
    assert store.get(key) is MISSING
    assert store.get("other") == "untouched"


@pytest.mark.parametrize("size", [64 * 1024, 5_000_000])
def test_a_large_value_comes_back_as_it_was(store: AssetStore, size: int) -> None:
    store.set("key", "x" * size)
    assert store.get("key") == "x" * size


def test_a_key_that_was_never_set_is_not_found(store: AssetStore) -> None:
    assert store.get("never set") is MISSING


def test_a_later_value_takes_the_place_of_an_earlier_one(store: AssetStore) -> None:
    store.set("watermark", "2026-04-28")
    store.set("watermark", "2026-04-29")
    assert store.get("watermark") == "2026-04-29"


def test_delete_takes_one_key_and_leaves_the_others(store: AssetStore) -> None:
    store.set("watermark", 1)
    store.set("file_count", 2)
    store.delete("watermark")
    store.delete("never set")
    assert [store.get("watermark"), store.get("file_count")] == [MISSING, 2]


def test_clear_takes_every_key_and_leaves_nothing_in_redis(
    store: AssetStore, plain: redis.Redis
) -> None:
    store.clear()
    for key in ("watermark", "file_count", "last_error"):
        store.set(key, 1)
    store.clear()
    assert store.get("watermark") is MISSING
    assert plain.dbsize() == 0


@pytest.mark.parametrize("name", ["team/sales/orders", "orders {*}:%?#", "订单", "n" * 1000])
def test_an_asset_asked_for_by_its_name_and_by_its_uri_is_one(
    task: Task, metadata: Metadata, name: str
) -> None:
    asset = metadata.asset(name)
    by_name, by_uri = (task.on(asset, by) for by in BY)
    by_name.set("watermark", 1)
    assert by_uri.get("watermark") == 1
    by_uri.set("watermark", 2)
    assert by_name.get("watermark") == 2
    by_uri.clear()
    assert by_name.get("watermark") is MISSING


def test_assets_have_state_of_their_own(task: Task, asset: Asset, metadata: Metadata) -> None:
    other = metadata.asset()
    task.on(asset).set("watermark", "mine")
    assert task.on(other).get("watermark") is MISSING
    task.on(other).clear()
    assert task.on(asset).get("watermark") == "mine"


def test_the_state_of_an_asset_outlives_the_run_that_wrote_it(
    task: Task, task_of: Callable[[Instance], Task], asset: Asset, metadata: Metadata
) -> None:
    dag_id = task.instance.scope.dag_id
    task.on(asset).set("watermark", "2026-04-29")
    task.clear()
    task.succeed()
    metadata.delete_run(dag_id)
    metadata.run(dag_id, "next-run")
    (following,) = metadata.instances(dag_id, run_id="next-run")
    assert task_of(following).on(asset).get("watermark") == "2026-04-29"


def test_a_task_and_an_asset_share_no_key(task: Task, asset: Asset) -> None:
    task.set("key", "task's")
    task.on(asset).set("key", "asset's")
    task.clear()
    assert [task.get("key"), task.on(asset).get("key")] == [MISSING, "asset's"]


def test_the_value_of_an_asset_never_expires(task: Task, asset: Asset, plain: redis.Redis) -> None:
    task.on(asset).set("watermark", 1)
    place = layout.place(NAMESPACE, AssetScope(asset_id=asset.id))
    expiry = plain.execute_command("HPEXPIRETIME", place.page, "FIELDS", 1, "watermark")
    assert expiry == [-1]
    assert plain.pttl(place.page) == -1


@pytest.mark.parametrize("by", BY)
def test_an_asset_that_airflow_does_not_know_is_not_found(
    task: Task, plain: redis.Redis, by: str
) -> None:
    unknown = Asset(0, "nobody's", "s3://nobody/knows")
    answers = requests_for(task, unknown, by)
    assert {answer.status_code for answer in answers} == {404}
    assert plain.dbsize() == 0
    with pytest.raises(ServerResponseError):
        task.on(unknown, by).set("key", 1)


@pytest.mark.parametrize("by", BY)
def test_an_asset_that_no_dag_declares_any_more_is_not_found(
    task: Task, metadata: Metadata, plain: redis.Redis, by: str
) -> None:
    inactive = metadata.asset(active=False)
    assert {answer.status_code for answer in requests_for(task, inactive, by)} == {404}
    assert plain.dbsize() == 0


@pytest.mark.parametrize("by", BY)
@pytest.mark.parametrize("content", ["{}", '{"value": null}'])
def test_what_is_no_value_to_airflow_is_refused_and_not_stored(
    task: Task, asset: Asset, plain: redis.Redis, by: str, content: str
) -> None:
    params = {by: getattr(asset, by), "key": "key"}
    url = f"store/asset/by-{by}/value"
    assert task.http.put(url, params=params, content=content, headers=JSON).status_code == 422
    assert plain.dbsize() == 0


@pytest.mark.parametrize("by", BY)
def test_a_request_without_a_token_is_refused_and_changes_nothing(
    task: Task, asset: Asset, by: str
) -> None:
    task.on(asset).set("key", "mine")
    del task.http.headers["Authorization"]
    assert {answer.status_code for answer in requests_for(task, asset, by)} == {401}
    assert task.on(asset).get("key") == "mine"
