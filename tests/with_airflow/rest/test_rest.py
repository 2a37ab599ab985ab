"""What Airflow's REST routes do with Redis, and what they say when there is trouble."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
import redis

from redis_state import AssetScope, RedisStateBackend, RedisWorkerBackend, TaskScope
from redis_state.airflow.run_identity import ClosedSession, incarnation
from redis_state.format import layout
from redis_state.testing import EmbeddedServer
from tests.support.waiting import PATIENT, wait_for
from tests.with_airflow.rest.airflows import Airflow, escaped, pages, path_of
from tests.with_airflow.server.airflow_home import NAMESPACE
from tests.with_airflow.server.metadata import Asset, Instance
from tests.with_airflow.server.test_errors import away

END = datetime(2099, 5, 15, 12, 0, 0, 123456, tzinfo=UTC)
MANY = 10_000


@pytest.fixture
def instance(ours: Airflow, plain: redis.Redis) -> Instance:
    return ours.metadata.instance()


@pytest.fixture
def asset(ours: Airflow, plain: redis.Redis) -> Asset:
    return ours.metadata.asset()


@pytest.fixture
def backend(ours: Airflow) -> Iterator[RedisStateBackend]:
    """Give another process's backend, on the same Redis."""
    backend = RedisStateBackend(url=ours.home.redis_url, **PATIENT)
    yield backend
    backend.close()


def known(airflow: Airflow, scope: TaskScope) -> ClosedSession:
    """Return a session that knows the run of a scope, as Airflow's does."""
    with airflow.metadata.sessions() as session:
        incarnation(session, scope)
        return ClosedSession(session)


def put(airflow: Airflow, path: str, key: str, value: Any, **more: Any) -> None:
    body = {"value": value, **more}
    answer = airflow.request("PUT", f"{path}/{escaped(key)}", json=body)
    assert answer.status_code == 204, answer.text


def value(airflow: Airflow, path: str, key: str) -> Any:
    return airflow.request("GET", f"{path}/{escaped(key)}").json().get("value")


def listed(airflow: Airflow, path: str, **params: Any) -> dict[str, Any]:
    answer = airflow.request("GET", path, params=params)
    assert answer.status_code == 200, answer.text
    told = answer.json()
    entries = told.get("task_state_store", told.get("asset_state_store"))
    return {each["key"]: each["value"] for each in entries}


def ask(airflow: Airflow, method: str, path: str, body: Any) -> httpx.Response:
    return airflow.request(method, path, json=body)


def deadline(plain: redis.Redis, scope: Any, key: str) -> int:
    place = layout.place(NAMESPACE, scope)
    asked = ("HPEXPIRETIME", place.page, "FIELDS", 1, place.field(key))
    answer: Any = plain.execute_command(*asked)
    return int(answer[0])


def test_ten_thousand_keys_are_paged_in_their_order(
    ours: Airflow, instance: Instance, backend: RedisStateBackend
) -> None:
    keys = sorted(f"{'é' if number % 3 else 'z'}{number}" for number in range(MANY))
    values = dict.fromkeys(keys, "1")
    backend.set_many(instance.scope, values, session=known(ours, instance.scope))
    path = path_of(instance.scope)
    for offset in (0, 50, 4_321, MANY - 30):
        page = ours.request("GET", path, params={"limit": 100, "offset": offset}).json()
        assert [each["key"] for each in page["task_state_store"]] == keys[offset : offset + 100]
        assert page["total_entries"] == MANY


def test_two_hundred_mapped_instances_are_cleared_at_once(
    ours: Airflow, plain: redis.Redis, backend: RedisStateBackend
) -> None:
    dag_id = ours.metadata.dag()
    ours.metadata.run(dag_id)
    instances = ours.metadata.instances(dag_id, *range(200))
    for each in instances:
        backend.set(each.scope, "key", str(each.scope.map_index), session=known(ours, each.scope))
    path = path_of(instances[0].scope)
    for index in (0, 1, 127, 128, 199):
        assert listed(ours, path, map_index=index) == {"key": index}
    params = {"all_map_indices": True}
    assert ours.request("DELETE", path, params=params).status_code == 204
    assert not pages(plain)


def test_redis_drops_a_value_when_airflow_was_told_to(
    ours: Airflow, instance: Instance, plain: redis.Redis
) -> None:
    path = path_of(instance.scope)
    put(ours, path, "key", 1, expires_at=END.isoformat())
    native = deadline(plain, instance.scope, "key")
    # Redis counts in milliseconds, and takes no value away too early.
    assert 0 <= native - END.timestamp() * 1000 <= 1
    ours.request("PATCH", f"{path}/key", json={"value": 2})
    assert deadline(plain, instance.scope, "key") == native
    told = ours.request("GET", f"{path}/key").json()
    assert (told["value"], datetime.fromisoformat(told["expires_at"])) == (2, END)
    put(ours, path, "key", 3, expires_at=None)
    assert deadline(plain, instance.scope, "key") == -1


def test_what_has_expired_is_neither_listed_nor_read_nor_patched(
    ours: Airflow, instance: Instance
) -> None:
    path = path_of(instance.scope)
    put(ours, path, "permanent", 1, expires_at=None)
    put(ours, path, "past", 1, expires_at="2020-01-01T00:00:00Z")
    soon = datetime.now(UTC) + timedelta(milliseconds=200)
    put(ours, path, "soon", 1, expires_at=soon.isoformat())
    wait_for(lambda: ours.request("GET", f"{path}/soon").status_code == 404)
    assert listed(ours, path) == {"permanent": 1}
    assert ours.request("GET", path).json()["total_entries"] == 1
    for key in ("past", "soon"):
        answer = ours.request("PATCH", f"{path}/{key}", json={"value": 2})
        assert answer.status_code == 404


def test_who_wrote_a_value_of_an_asset_is_told_or_unknown(ours: Airflow, asset: Asset) -> None:
    path = f"{path_of(asset)}/watermark"
    put(ours, path_of(asset), "watermark", 1)
    assert ours.request("GET", path).json()["last_updated_by"]["kind"] == "api"
    with ours.task(ours.metadata.instance()) as task:
        assert task.on(asset).get("watermark") == 1
        task.on(asset, "uri").set("watermark", 2)
    told = ours.request("GET", path).json()
    # Airflow tells its own store alone which task it was.
    assert (told["value"], told["last_updated_by"]) == (2, None)
    put(ours, path_of(asset), "watermark", 3)
    assert ours.request("GET", path).json()["last_updated_by"]["kind"] == "api"


def test_a_worker_s_reference_shows_as_what_it_is(
    ours: Airflow, instance: Instance, plain: redis.Redis
) -> None:
    worker = RedisWorkerBackend(url=ours.home.redis_url, **PATIENT)
    reference = worker.serialize_task_state_store_to_ref(
        value="kept by the worker", key="key", scope=instance.scope
    )
    document = {"__airflow_state_ref__": reference}
    with ours.task(instance) as task:
        task.set("key", document)
    path = path_of(instance.scope)
    assert listed(ours, path) == {"key": document}
    assert ours.request("DELETE", path).status_code == 204
    # What it refers to goes with it.
    assert not pages(plain)
    worker.close()


def test_a_value_that_nobody_can_read_hides_no_others(
    ours: Airflow, instance: Instance, plain: redis.Redis
) -> None:
    path = path_of(instance.scope)
    for key in ("a", "b", "c"):
        put(ours, path, key, key)
    place = layout.place(NAMESPACE, instance.scope)
    plain.hset(place.page, place.field("b"), b"of somebody else")
    found = listed(ours, path)
    assert (found["a"], found["c"]) == ("a", "c")
    assert "did not write" in found["b"]["__redis_state_unreadable__"]
    answer = ours.request("GET", f"{path}/b")
    assert answer.status_code == 409
    assert "did not write" in answer.json()["detail"]
    put(ours, path, "b", "written over")
    assert listed(ours, path) == {"a": "a", "b": "written over", "c": "c"}


def test_a_value_that_no_page_can_show_says_so(
    ours: Airflow, asset: Asset, backend: RedisStateBackend
) -> None:
    backend.set(AssetScope(asset_id=asset.id), "key", "{", session=None)
    told = listed(ours, path_of(asset))["key"]
    assert "cannot be shown" in told["__redis_state_unreadable__"]


def test_a_key_that_is_no_text_hides_no_others(
    ours: Airflow, asset: Asset, backend: RedisStateBackend
) -> None:
    backend.set_many(AssetScope(asset_id=asset.id), {"a": "1", "half \ud800": "2"}, session=None)
    assert listed(ours, path_of(asset)) == {"a": 1, "half ?": 2}


def test_a_key_that_is_too_long_is_refused_as_to_tasks(ours: Airflow, instance: Instance) -> None:
    path = f"{path_of(instance.scope)}/{'k' * 513}"
    for method, body in (("PUT", {"value": 1}), ("GET", None), ("DELETE", None)):
        answer = ours.request(method, path, json=body)
        assert answer.status_code == 422
        assert "[redis_state] max_key_chars" in answer.json()["detail"]


def test_redis_that_is_away_is_told_and_the_rest_of_airflow_is_well(
    ours: Airflow, instance: Instance, asset: Asset, redis_server: EmbeddedServer
) -> None:
    requests = [
        (method, f"{path_of(scope)}{suffix}", body)
        for scope in (instance.scope, asset)
        for method, suffix, body in (
            ("GET", "", None),
            ("GET", "/key", None),
            ("PUT", "/key", {"value": 1}),
            ("DELETE", "/key", None),
            ("DELETE", "", None),
        )
    ]
    requests.append(("PATCH", f"{path_of(instance.scope)}/key", {"value": 1}))
    with away(redis_server):
        with ThreadPoolExecutor(len(requests)) as threads:
            answers = list(threads.map(lambda asked: ask(ours, *asked), requests))
        for answer in answers:
            assert answer.status_code == 503
            assert "Connection refused" in answer.json()["detail"]
            assert "start Redis there" in answer.json()["detail"]
        # Whoever may not is told just that.
        assert ours.request("DELETE", path_of(asset), user="viewer").status_code == 403
        assert ours.request("GET", "/assets/99999/state-store").status_code == 404
        for path in ("/dags", "/pools", "/assets", "/monitor/health"):
            assert ours.request("GET", path).status_code == 200
    put(ours, path_of(asset), "key", 1)
    assert listed(ours, path_of(asset)) == {"key": 1}
