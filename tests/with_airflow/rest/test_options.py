"""The bridge with other options and another Airflow, in the test's own process."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import pytest
import redis
from airflow.models.task_state_store import TaskStateStoreModel
from cryptography.fernet import Fernet
from sqlalchemy import select

from redis_state import AssetScope, RedisStateBackend
from redis_state.format import layout
from redis_state.plugin import activation
from redis_state.testing import EmbeddedServer
from tests.with_airflow.rest.airflows import Airflow, options_of, pages, path_of
from tests.with_airflow.server.airflow_home import NAMESPACE, Home
from tests.with_airflow.server.inside import inside_server
from tests.with_airflow.server.metadata import Metadata

Start = Callable[..., AbstractContextManager[Airflow]]
RETENTION = "AIRFLOW__STATE_STORE__DEFAULT_RETENTION_DAYS"
LARGEST = "AIRFLOW__STATE_STORE__MAX_VALUE_STORAGE_BYTES"
SECRET = "of great value " * 100


class OwnBackend(RedisStateBackend):
    """What an operator made of ours."""


@pytest.fixture
def start(home: Home, metadata: Metadata, plain: redis.Redis) -> Start:
    @contextmanager
    def start(**options: str) -> Iterator[Airflow]:
        more = options_of(home) | options
        with (
            inside_server(home, metadata, "all", **more) as server,
            Airflow(home, metadata, server).logged_in() as airflow,
        ):
            yield airflow

    return start


@pytest.fixture(scope="module")
def usual(home: Home, metadata: Metadata) -> Iterator[Airflow]:
    with (
        inside_server(home, metadata, "all", **options_of(home)) as server,
        Airflow(home, metadata, server).logged_in() as airflow,
    ):
        yield airflow


def put(airflow: Airflow, path: str, value: Any, **more: Any) -> int:
    status: int = airflow.request("PUT", f"{path}/key", json={"value": value, **more}).status_code
    return status


def got(airflow: Airflow, path: str) -> dict[str, Any]:
    told: dict[str, Any] = airflow.request("GET", f"{path}/key").json()
    return told


def keys_in_tables(metadata: Metadata) -> list[str]:
    with metadata.session() as session:
        return list(session.scalars(select(TaskStateStoreModel.key)))


@pytest.mark.parametrize("days", ["0", "-1"])
def test_the_default_lifetime_may_be_none_and_a_wrong_one_is_told(
    usual: Airflow, plain: redis.Redis, monkeypatch: pytest.MonkeyPatch, days: str
) -> None:
    monkeypatch.setenv(RETENTION, days)
    path = path_of(usual.metadata.instance().scope)
    status = put(usual, path, 1, expires_at="default")
    if days == "0":
        assert status == 204
        assert got(usual, path)["expires_at"] is None
    else:
        assert status == 400
        assert not pages(plain)


def test_the_largest_value_is_airflow_s_and_then_ours(
    usual: Airflow, plain: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    for scope in (usual.metadata.instance().scope, usual.metadata.asset()):
        monkeypatch.setenv(LARGEST, "100")
        assert put(usual, path_of(scope), "x" * 99) == 422
        monkeypatch.setenv(LARGEST, "0")
        assert put(usual, path_of(scope), "x" * 70_000) == 204
        assert put(usual, path_of(scope), "x" * 17_000_000) == 413
        assert got(usual, path_of(scope))["value"] == "x" * 70_000


def test_the_tables_of_airflow_keep_nothing(usual: Airflow, plain: redis.Redis) -> None:
    assert put(usual, path_of(usual.metadata.instance().scope), 1) == 204
    assert keys_in_tables(usual.metadata) == []
    assert len(pages(plain)) == 1


def test_without_the_bridge_airflow_answers_from_its_tables(
    start: Start, plain: redis.Redis, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    with start(AIRFLOW__REDIS_STATE__UI_BRIDGE="False") as airflow:
        instance = airflow.metadata.instance()
        path = path_of(instance.scope)
        with airflow.task(instance) as task:
            task.set("key", "in Redis")
            assert got(airflow, path) == {"detail": "Task state store key 'key' not found"}
            assert put(airflow, path, "in the tables") == 204
            assert got(airflow, path)["value"] == "in the tables"
            assert task.get("key") == "in Redis"
    assert "[redis_state] ui_bridge is False" in caplog.text


def test_an_untested_airflow_is_left_alone_and_told(
    start: Start,
    plain: redis.Redis,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(activation, "TESTED", ("3.1.0", "3.2.0"))
    with start() as airflow:
        assert put(airflow, path_of(airflow.metadata.instance().scope), 1) == 204
        assert not pages(plain)
    assert "was not tested with Airflow 3." in caplog.text
    assert "only with 3.1.0 and 3.2.0" in caplog.text
    assert "[redis_state] untested_airflow = True" in caplog.text


def test_a_subclass_on_an_untested_airflow_works_when_it_is_told_to(
    start: Start, plain: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(activation, "TESTED", ())
    backend = f"{OwnBackend.__module__}.{OwnBackend.__name__}"
    options = {
        "AIRFLOW__STATE_STORE__BACKEND": backend,
        "AIRFLOW__REDIS_STATE__UNTESTED_AIRFLOW": "True",
        "AIRFLOW__REDIS_STATE__ENCRYPTION": "own",
        "AIRFLOW__REDIS_STATE__ENCRYPTION_KEYS": Fernet.generate_key().decode(),
        "AIRFLOW__REDIS_STATE__COMPRESSION_THRESHOLD": "100",
    }
    with start(**options) as airflow:
        instance, asset = airflow.metadata.instance(), airflow.metadata.asset()
        with airflow.task(instance) as task:
            for scope, store in ((instance.scope, task), (asset, task.on(asset))):
                assert put(airflow, path_of(scope), SECRET) == 204
                assert store.get("key") == SECRET
                store.set("key", [SECRET])
                assert got(airflow, path_of(scope))["value"] == [SECRET]
        for place in (
            layout.place(NAMESPACE, instance.scope),
            layout.place(NAMESPACE, AssetScope(asset_id=asset.id)),
        ):
            stored = plain.hget(place.page, place.field("key"))
            assert isinstance(stored, bytes)
            assert b"great value" not in stored
            assert len(stored) < len(SECRET)
        # A process that has no key to it.
        lost = {"AIRFLOW__REDIS_STATE__ENCRYPTION_KEYS": Fernet.generate_key().decode()}
    with start(**options | lost) as airflow:
        path = path_of(asset)
        assert airflow.request("PUT", f"{path}/other", json={"value": 1}).status_code == 204
        page = airflow.request("GET", path).json()["asset_state_store"]
        found = {each["key"]: each["value"] for each in page}
        assert found["other"] == 1
        assert "key" in found["key"]["__redis_state_unreadable__"]
        assert airflow.request("GET", f"{path}/key").status_code >= 400


def test_options_that_are_wrong_are_told_by_each_request(
    start: Start, caplog: pytest.LogCaptureFixture
) -> None:
    with start(AIRFLOW__REDIS_STATE__URL="http://airflow:hunter2@redis") as airflow:
        path = path_of(airflow.metadata.instance().scope)
        answer = airflow.request("GET", path)
        assert answer.status_code == 424
        assert "[redis_state] url is wrong" in answer.json()["detail"]
        assert "hunter2" not in answer.text
        assert airflow.request("GET", "/pools").status_code == 200
    assert "cannot work. [redis_state] url is wrong" in caplog.text
    assert "hunter2" not in caplog.text


def test_beside_another_backend_nothing_is_touched(
    start: Start, plain: redis.Redis, redis_server: EmbeddedServer, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    with start(AIRFLOW__STATE_STORE__BACKEND="airflow.state.metastore.MetastoreBackend") as airflow:
        path = path_of(airflow.metadata.instance().scope)
        assert put(airflow, path, 1) == 204
        assert got(airflow, path)["value"] == 1
    assert not pages(plain)
    assert "redis-state" not in caplog.text
