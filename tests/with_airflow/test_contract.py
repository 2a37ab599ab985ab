"""The backend beside the real Airflow: its classes, scopes, signatures and configuration."""

from __future__ import annotations

import inspect
from datetime import UTC, datetime, timedelta
from importlib import import_module
from importlib.metadata import version
from typing import Any
from uuid import UUID

import pytest

import redis_state
from redis_state import (
    BaseStateBackend,
    MisconfiguredError,
    RedisStateBackend,
    RedisWorkerBackend,
)
from redis_state.airflow.bases import airflow_bases
from redis_state.config.settings import load
from tests.support.methods import Methods
from tests.support.waiting import PATIENT
from tests.with_airflow.conftest import FAMILIES, HAS_CORE

HOMES = [family for family in FAMILIES if family != "redis_state"]
METHODS = ["get", "set", "delete", "clear", "aget", "aset", "adelete", "aclear"]
HOOKS = [
    f"{direction}_{kind}_state_store_{way}_ref"
    for kind in ("task", "asset")
    for direction, way in (("serialize", "to"), ("deserialize", "from"))
]
BACKENDS = pytest.mark.parametrize("backend_class", [RedisStateBackend, RedisWorkerBackend])
REGION = UUID(int=7)


@BACKENDS
@pytest.mark.parametrize("home", HOMES)
def test_the_backend_is_a_true_subclass(home: str, backend_class: Any) -> None:
    base = import_module(home).BaseStoreBackend
    assert issubclass(backend_class, base)
    assert isinstance(backend_class(), base)
    assert base in airflow_bases()
    assert len(airflow_bases()) == len(HOMES)


@BACKENDS
@pytest.mark.parametrize("home", HOMES)
@pytest.mark.parametrize("method", [*METHODS, *HOOKS])
def test_the_methods_and_hooks_take_airflow_s_arguments(
    home: str, method: str, backend_class: Any
) -> None:
    theirs = inspect.signature(getattr(import_module(home).BaseStoreBackend, method)).parameters
    ours = inspect.signature(getattr(backend_class, method)).parameters
    assert list(ours) == list(theirs)
    for name, parameter in theirs.items():
        assert (ours[name].kind, ours[name].default) == (parameter.kind, parameter.default)


@pytest.mark.parametrize("home", HOMES)
def test_nothing_abstract_of_airflow_s_is_left_open(home: str) -> None:
    abstract = import_module(home).BaseStoreBackend.__abstractmethods__
    assert abstract <= set(BaseStateBackend.__abstractmethods__)
    assert not RedisStateBackend.__abstractmethods__


@pytest.mark.parametrize("home", HOMES)
def test_an_inline_value_is_told_as_airflow_s_own_base_class_tells_it(home: str) -> None:
    worker = RedisWorkerBackend(worker_inline_bytes=100)
    for kind in ("task", "asset"):
        hook = f"serialize_{kind}_state_store_to_ref"
        theirs = getattr(import_module(home).BaseStoreBackend, hook)
        scope = redis_state.TaskScope("d", "r", "t")
        arguments = {"value": {"a": 1}, "key": "k", "scope": scope}
        assert getattr(worker, hook)(**arguments) == theirs(worker, **arguments)


def test_a_worker_keeps_values_for_scopes_of_every_family(
    server: Any, namespace: str, family: str
) -> None:
    worker = RedisWorkerBackend(url=server.url, namespace=namespace, **PATIENT)
    task, asset = scopes_of(family)
    for scope in (task("d", "r", "t"), task("d", "r", "t", 5)):
        ref = worker.serialize_task_state_store_to_ref(value=[1], key="k", scope=scope)
        assert worker.deserialize_task_state_store_from_ref(ref) == [1]
        worker.clear(scope)
        assert worker.deserialize_task_state_store_from_ref(ref) is None
    for scope in (asset(name="n"), asset(uri="u")):
        ref = worker.serialize_asset_state_store_to_ref(value={"a": 1}, key="k", scope=scope)
        assert worker.deserialize_asset_state_store_from_ref(ref) == {"a": 1}
        worker.delete(scope, "k")
        assert worker.deserialize_asset_state_store_from_ref(ref) is None
    worker.close()


def scopes_of(family: str) -> tuple[Any, Any]:
    module = redis_state if family == "redis_state" else import_module(family)
    return module.TaskScope, module.AssetScope


async def test_scopes_of_every_family_mean_the_same_place(methods: Methods, family: str) -> None:
    task, asset = scopes_of(family)
    own_task, own_asset = scopes_of("redis_state")
    pairs = [
        (task("d", "r", "t"), own_task("d", "r", "t")),
        (task("d", "r", "t", 5), own_task("d", "r", "t", 5)),
        (task(dag_id="d", run_id="r", task_id="t", map_index=200), own_task("d", "r", "t", 200)),
        (asset(asset_id=3), own_asset(asset_id=3)),
        (asset(name="n"), own_asset(name="n")),
        (asset(uri="u"), own_asset(uri="u")),
    ]
    for number, (theirs, own) in enumerate(pairs):
        await methods.set(theirs, "key", str(number))
        assert await methods.get(own, "key") == str(number)
        assert set(await methods.entries(theirs)) == {"key"}
    await methods.clear(task("d", "r", "t", 0), all_map_indices=True)
    assert [await methods.get(own, "key") for _, own in pairs] == [None, None, None, "3", "4", "5"]
    for theirs, own in pairs[3:]:
        await methods.delete(theirs, "key")
        assert await methods.get(own, "key") is None


async def test_values_of_every_family_expire(methods: Methods, family: str) -> None:
    scope = scopes_of(family)[0]("d", "r", "t", 5)
    deadline = datetime.now(UTC) + timedelta(hours=1)
    await methods.set(scope, "there", "1", expires_at=deadline)
    await methods.set(scope, "gone", "1", expires_at=datetime(2020, 1, 1, tzinfo=UTC))
    assert {key: entry.expires_at for key, entry in (await methods.entries(scope)).items()} == {
        "there": deadline
    }


async def test_regions_are_honoured_where_airflow_has_them(methods: Methods, family: str) -> None:
    task = scopes_of(family)[0]
    # 3.3 has no regions; there, only the zero region's place is to be had.
    has_regions = family == "redis_state" or not version("apache-airflow-task-sdk").startswith(
        "1.3"
    )
    zero = task("d", "r", "t", 5)
    await methods.set(zero, "key", '"zero"')
    assert (
        await methods.get(redis_state.TaskScope("d", "r", "t", 5, UUID(int=0)), "key") == '"zero"'
    )
    assert ("region_id" in inspect.signature(task).parameters) is has_regions
    if has_regions:
        other = task("d", "r", "t", 5, region_id=REGION)
        assert await methods.get(other, "key") is None
        await methods.set(other, "key", '"other"')
        await methods.clear(other, all_map_indices=True)
        assert await methods.get(other, "key") is None
    assert await methods.get(zero, "key") == '"zero"'


def test_options_come_from_airflow_s_section(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW__REDIS_STATE__URL", "redis://from-airflow:7000/2")
    monkeypatch.setenv("AIRFLOW__REDIS_STATE__POOL_SIZE", "9")
    monkeypatch.setenv("REDIS_STATE_URL", "redis://from-environment")
    monkeypatch.setenv("REDIS_STATE_NAMESPACE", "from-environment")
    settings = load(pool_size=10)
    assert settings.deployment.servers[0].host == "from-airflow"
    assert settings.pool_size == 10
    assert settings.namespace == "from-environment"


def test_a_wrong_option_is_named_as_it_stands_in_airflow_cfg(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("AIRFLOW__REDIS_STATE__TIMEOUT", "soon")
    with pytest.raises(MisconfiguredError, match=r"^\[redis_state\] timeout is wrong"):
        load()


if HAS_CORE:

    def test_airflow_makes_the_backend_from_its_configuration(
        monkeypatch: pytest.MonkeyPatch, server: Any, namespace: str
    ) -> None:
        airflow_state = import_module("airflow.state")

        monkeypatch.setenv("AIRFLOW__STATE_STORE__BACKEND", "redis_state.RedisStateBackend")
        monkeypatch.setenv("AIRFLOW__REDIS_STATE__URL", server.url)
        monkeypatch.setenv("AIRFLOW__REDIS_STATE__NAMESPACE", namespace)
        monkeypatch.setattr(airflow_state, "_backend_instance", None)
        backend: Any = airflow_state.get_state_backend()
        assert type(backend) is RedisStateBackend
        scope = airflow_state.TaskScope("d", "r", "t")
        backend.set(scope, "job_id", '"job-1"', expires_at=None, session=object())
        assert backend.get(scope, "job_id", session=object()) == '"job-1"'
        backend.clear(scope, session=object())
        assert backend.get(scope, "job_id", session=object()) is None
        backend.cleanup()
        backend.close()

    def test_a_stranger_in_the_section_is_warned_of(caplog: pytest.LogCaptureFixture) -> None:
        conf = import_module("airflow.configuration").conf
        conf.read_dict({"redis_state": {"ttl": "5", "pol_size": "5", "namespace": "from-cfg"}})
        try:
            assert load().namespace == "from-cfg"
        finally:
            conf.remove_section("redis_state")
        assert "[redis_state] ttl is no option of redis-state" in caplog.text
        assert "[redis_state] pol_size is no option" in caplog.text
        assert "did you mean pool_size?" in caplog.text
        assert "namespace is no option" not in caplog.text
