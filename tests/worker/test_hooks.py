"""What Airflow calls in a task's process: references and back, deletion, and trouble on the way."""

from __future__ import annotations

import json
import logging
import socket
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
import redis
from hypothesis import given
from hypothesis import strategies as st

from redis_state import (
    AssetScope,
    CorruptValueError,
    InvalidScopeError,
    InvalidValueError,
    RedisStateBackend,
    RedisWorkerBackend,
    StateScope,
    TaskScope,
    TooLargeError,
    UnavailableError,
)
from redis_state.format import references
from redis_state.testing import EmbeddedServer
from tests.matrix import FIELD_FORM
from tests.support.waiting import PATIENT

TASK = TaskScope("dag", "run", "task")
SCOPES = [
    TASK,
    TaskScope("d/a", "r:u+n", "t~", 3),
    AssetScope(name="a b"),
    AssetScope(uri="s3://b"),
]

texts = st.text(max_size=30)
scopes = st.one_of(
    st.builds(
        TaskScope,
        texts,
        texts,
        texts,
        st.integers(min_value=-1, max_value=10_000),
        st.sampled_from([UUID(int=0), UUID(int=7)]),
    ),
    st.builds(lambda name: AssetScope(name=name), texts),
    st.builds(lambda uri: AssetScope(uri=uri), texts),
    st.builds(lambda number: AssetScope(asset_id=number), st.integers(min_value=0)),
)


@pytest.fixture
def server_name() -> str:
    return FIELD_FORM


@pytest.fixture
def make_worker(server: EmbeddedServer, namespace: str) -> Iterator[Callable[..., Any]]:
    made: list[RedisWorkerBackend] = []

    def make(**options: Any) -> RedisWorkerBackend:
        made.append(
            RedisWorkerBackend(**(PATIENT | {"url": server.url, "namespace": namespace} | options))
        )
        return made[-1]

    yield make
    for worker in made:
        worker.close()


@pytest.fixture
def worker(make_worker: Callable[..., RedisWorkerBackend]) -> RedisWorkerBackend:
    return make_worker()


@pytest.fixture
def away(make_worker: Callable[..., RedisWorkerBackend]) -> RedisWorkerBackend:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
    return make_worker(url=f"redis://127.0.0.1:{port}/0", budget=0.1)


@given(scopes, texts)
def test_a_reference_spells_out_scope_and_key(scope: StateScope, key: str) -> None:
    reference = references.refer(scope, key)
    assert references.resolve(reference) == (scope, key)
    assert references.is_reference(reference)
    assert reference.isascii()
    assert references.referred(json.dumps({"__airflow_state_ref__": reference})) == reference
    assert json.dumps({"__airflow_state_ref__": reference}).startswith(references.MARK)


@given(st.text())
def test_no_text_makes_reading_a_reference_fail(text: str) -> None:
    references.resolve(text)
    references.resolve(f"redis-state:{text}")
    references.referred(text)
    references.referred(f'{{"__airflow_state_ref__": "{text}')


@pytest.mark.parametrize("scope", SCOPES, ids=str)
@pytest.mark.parametrize("value", ["", "text", 0, -1.5, True, [], {"a": {"b": [None]}}, "ü\0"])
def test_any_json_comes_back_by_the_same_reference_each_time(
    worker: RedisWorkerBackend, scope: StateScope, value: object
) -> None:
    hooks: tuple[Callable[..., str], Callable[[str], Any]] = (
        (worker.serialize_task_state_store_to_ref, worker.deserialize_task_state_store_from_ref)
        if isinstance(scope, TaskScope)
        else (
            worker.serialize_asset_state_store_to_ref,
            worker.deserialize_asset_state_store_from_ref,
        )
    )
    keep, fetch = hooks
    first = keep(value="earlier", key="a/b", scope=scope)
    assert keep(value=value, key="a/b", scope=scope) == first
    assert fetch(first) == value


def test_values_below_the_threshold_stay_inline(
    make_worker: Callable[..., RedisWorkerBackend],
) -> None:
    worker = make_worker(worker_inline_bytes=10)
    short = worker.serialize_task_state_store_to_ref(value="1234567", key="k", scope=TASK)
    assert short == '"1234567"'
    assert worker.deserialize_task_state_store_from_ref(short) == "1234567"
    assert worker.entries(TASK) == {}
    long = worker.serialize_task_state_store_to_ref(value="12345678", key="k", scope=TASK)
    assert references.is_reference(long)
    assert worker.deserialize_task_state_store_from_ref(long) == "12345678"


class ComingBase:
    """Airflow's base class as it may be after 3.4: no reference means that a value stays inline."""

    def serialize_task_state_store_to_ref(self, *, value: Any, key: str, scope: Any) -> None:
        return None

    def serialize_asset_state_store_to_ref(self, *, value: Any, key: str, scope: Any) -> None:
        return None


class ComingWorker(RedisWorkerBackend, ComingBase):
    """The backend on such a base class."""


@pytest.mark.parametrize("scope", [TASK, AssetScope(name="orders")], ids=["task", "asset"])
def test_where_no_reference_means_inline_none_is_given(
    server: EmbeddedServer, namespace: str, scope: Any
) -> None:
    worker = ComingWorker(url=server.url, namespace=namespace, worker_inline_bytes=10)
    of = "task" if scope is TASK else "asset"
    keep = getattr(worker, f"serialize_{of}_state_store_to_ref")
    assert keep(value="1234567", key="k", scope=scope) is None
    assert worker.entries(scope) == {}
    assert keep(value="12345678", key="k", scope=scope) == references.refer(scope, "k")
    worker.close()


@dataclass(frozen=True)
class DagRunScope:
    """A dag run's scope, as a coming Airflow may have it."""

    dag_id: str = "dag"
    run_id: str = "run"


@pytest.mark.parametrize("inline", [0, 100])
async def test_the_scope_of_a_dag_run_is_refused_by_every_method_of_both_sides(
    make_worker: Callable[..., RedisWorkerBackend],
    backend: RedisStateBackend,
    inline: int,
) -> None:
    worker, scope = make_worker(worker_inline_bytes=inline), DagRunScope()
    calls: dict[str, tuple[Any, ...]] = {
        "get": ("k",),
        "set": ("k", "1"),
        "delete": ("k",),
        "clear": (),
        "get_many": (["k"],),
        "set_many": ({"k": "1"},),
        "entries": (),
    }
    for side in (worker, backend):
        for method, arguments in calls.items():
            with pytest.raises(InvalidScopeError, match="DagRunScope is a dag run's"):
                getattr(side, method)(scope, *arguments)
            with pytest.raises(InvalidScopeError, match="DagRunScope is a dag run's"):
                await getattr(side, f"a{method}")(scope, *arguments)
        with pytest.raises(InvalidScopeError, match="DagRunScope is a dag run's"):
            side.clear(scope, all_map_indices=True)  # type: ignore[arg-type]
    for of in ("task", "asset"):
        with pytest.raises(InvalidScopeError, match="DagRunScope is a dag run's"):
            getattr(worker, f"serialize_{of}_state_store_to_ref")(value=1, key="k", scope=scope)
    await worker.aclose()
    await backend.aclose()


def test_worker_values_of_tasks_follow_the_retention_and_those_of_assets_stay(
    make_worker: Callable[..., RedisWorkerBackend],
) -> None:
    worker = make_worker(worker_retention_days=0.5)
    asset = AssetScope(name="orders")
    earliest = datetime.now(UTC) + timedelta(hours=12)
    worker.serialize_task_state_store_to_ref(value=1, key="k", scope=TASK)
    worker.serialize_asset_state_store_to_ref(value=1, key="k", scope=asset)
    expires_at = worker.entries(TASK)["k"].expires_at
    assert expires_at is not None
    assert earliest <= expires_at <= datetime.now(UTC) + timedelta(hours=12)
    assert worker.entries(asset)["k"].expires_at is None


def test_without_a_retention_worker_values_stay(worker: RedisWorkerBackend) -> None:
    worker.serialize_task_state_store_to_ref(value=1, key="k", scope=TASK)
    assert worker.entries(TASK)["k"].expires_at is None


def test_a_worker_value_that_is_gone_reads_as_none_with_a_warning(
    worker: RedisWorkerBackend, caplog: pytest.LogCaptureFixture
) -> None:
    reference = worker.serialize_task_state_store_to_ref(value=1, key="k", scope=TASK)
    worker.delete(TASK, "k")
    assert worker.deserialize_task_state_store_from_ref(reference) is None
    assert f"The worker value of {reference} is gone" in caplog.text


@pytest.mark.parametrize("stored", ["s3://bucket/key", "redis-state:nonsense", "{"])
def test_the_reference_of_another_backend_is_an_error_that_says_so(
    worker: RedisWorkerBackend, stored: str
) -> None:
    with pytest.raises(CorruptValueError, match="reference"):
        worker.deserialize_task_state_store_from_ref(stored)


def test_an_empty_reference_reads_as_none(worker: RedisWorkerBackend) -> None:
    assert worker.deserialize_asset_state_store_from_ref("") is None


@pytest.mark.parametrize("value", [datetime.now(UTC), {1, 2}, b"bytes"], ids=type)
def test_what_is_no_json_is_refused(worker: RedisWorkerBackend, value: object) -> None:
    with pytest.raises(InvalidValueError, match="The value of 'k' is no JSON"):
        worker.serialize_task_state_store_to_ref(value=value, key="k", scope=TASK)


def test_a_value_that_holds_itself_is_refused(worker: RedisWorkerBackend) -> None:
    value: list[object] = []
    value.append(value)
    with pytest.raises(InvalidValueError, match="Circular"):
        worker.serialize_task_state_store_to_ref(value=value, key="k", scope=TASK)


def test_limits_hold_for_worker_values_too(make_worker: Callable[..., RedisWorkerBackend]) -> None:
    worker = make_worker(max_value_bytes=10)
    with pytest.raises(TooLargeError):
        worker.serialize_task_state_store_to_ref(value="0123456789", key="k", scope=TASK)
    with pytest.raises(InvalidScopeError):
        worker.serialize_task_state_store_to_ref(value=1, key="k", scope=object())  # type: ignore[arg-type]


async def test_worker_values_lie_apart_from_state(
    worker: RedisWorkerBackend, raw: redis.Redis, namespace: str
) -> None:
    await worker.aset(TASK, "k", "1")
    await worker.aset_many(AssetScope(uri="u"), {"k": "2"})
    assert sorted(raw.keys(f"{namespace}:*")) == [
        f"{namespace}:aw:{{uri:u}}".encode(),
        f"{namespace}:tw:{{dag/run/task}}:-1".encode(),
    ]
    assert await worker.aget(TASK, "k") == "1"
    assert await worker.aget_many(AssetScope(uri="u"), ["k", "x"]) == {"k": "2"}
    await worker.aclose()


async def test_a_task_s_clear_that_fails_is_logged_and_not_raised(
    away: RedisWorkerBackend, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    away.clear(TASK)
    await away.aclear(TASK)
    assert caplog.text.count("were not cleared") == 2


async def test_everything_else_that_fails_is_raised(away: RedisWorkerBackend) -> None:
    with pytest.raises(UnavailableError):
        away.delete(TASK, "k")
    with pytest.raises(UnavailableError):
        away.clear(AssetScope(name="n"))
    with pytest.raises(UnavailableError):
        await away.aclear(AssetScope(name="n"))
    with pytest.raises(UnavailableError):
        away.serialize_task_state_store_to_ref(value=1, key="k", scope=TASK)
