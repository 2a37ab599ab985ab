"""The API server in the test's own process: its queries and its options."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import datetime
from typing import Any

import pytest
import redis
from airflow.models import DagRun
from airflow.state import BaseStoreBackend
from sqlalchemy import event, select

from redis_state import RedisStateBackend
from redis_state.airflow import run_identity
from tests.support.waiting import PATIENT
from tests.with_airflow.server.airflow_home import Home
from tests.with_airflow.server.inside import InsideServer, inside_server, use
from tests.with_airflow.server.metadata import Asset, Metadata
from tests.with_airflow.server.tasks import Task

PASSWORD = "hunter2-of-production"


class DictBackend(BaseStoreBackend):  # type: ignore[misc]  # untyped where the checker runs
    """Keeps values in a dictionary, at no cost to any database."""

    def __init__(self) -> None:
        self._values: dict[Any, dict[str, str]] = {}

    def get(self, scope: Any, key: str, *, session: Any = None) -> str | None:
        return self._values.get(scope, {}).get(key)

    def set(
        self,
        scope: Any,
        key: str,
        value: str,
        *,
        expires_at: datetime | None = None,
        session: Any = None,
    ) -> None:
        self._values.setdefault(scope, {})[key] = value

    def delete(self, scope: Any, key: str, *, session: Any = None) -> None:
        self._values.get(scope, {}).pop(key, None)

    def clear(self, scope: Any, *, all_map_indices: bool = False, session: Any = None) -> None:
        self._values.pop(scope, None)

    async def aget(self, *_: Any, **__: Any) -> None:
        raise NotImplementedError

    aset = adelete = aclear = aget


METHODS: dict[str, Callable[[Task, Asset], Any]] = {
    "get": lambda task, _: task.get("key"),
    "get of a missing key": lambda task, _: task.get("never set"),
    "set": lambda task, _: task.set("key", 2),
    "delete": lambda task, _: task.delete("key"),
    "clear": lambda task, _: task.clear(),
    "get of an asset": lambda task, asset: task.on(asset).get("key"),
    "set of an asset": lambda task, asset: task.on(asset, "uri").set("key", 2),
    "delete of an asset": lambda task, asset: task.on(asset).delete("key"),
    "clear of an asset": lambda task, asset: task.on(asset, "uri").clear(),
    "success": lambda task, _: task.succeed(),
}


@pytest.fixture(scope="module")
def server(home: Home, metadata: Metadata) -> Iterator[InsideServer]:
    with inside_server(home, metadata) as running:
        yield running


@pytest.fixture
def inside(
    home: Home, metadata: Metadata, server: InsideServer, plain: redis.Redis
) -> Iterator[Callable[..., Task]]:
    """Give a function that makes a task which talks to the server inside."""
    with ExitStack() as stack:

        def make(*indices: int) -> Task:
            dag_id = metadata.dag()
            metadata.run(dag_id)
            (instance,) = metadata.instances(dag_id, *indices)
            return stack.enter_context(Task(home, server.url, instance))

        yield make


@pytest.mark.parametrize("method", METHODS.values(), ids=list(METHODS))
@pytest.mark.parametrize("indices", [(), (3,)], ids=["unmapped", "mapped"])
def test_a_method_costs_the_database_what_it_costs_with_a_dictionary(
    inside: Callable[..., Task],
    server: InsideServer,
    asset: Asset,
    home: Home,
    monkeypatch: pytest.MonkeyPatch,
    method: Callable[[Task, Asset], Any],
    indices: tuple[int, ...],
) -> None:
    cost = {}
    for backend in (RedisStateBackend(url=home.redis_url, **PATIENT), DictBackend()):
        use(monkeypatch, backend)
        task = inside(*indices)
        task.set("key", 1)
        task.on(asset).set("key", 1)
        with server.queries() as cost[type(backend).__name__]:
            method(task, asset)
    assert cost["DictBackend"]
    assert cost["RedisStateBackend"] == cost["DictBackend"]


def test_the_first_request_of_a_process_alone_asks_the_database_for_the_run(
    inside: Callable[..., Task],
    server: InsideServer,
    asset: Asset,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    task = inside()
    use(monkeypatch, None)
    run_identity.watch_runs()
    event.remove(DagRun, "load", run_identity._note)
    with server.queries() as first:
        task.set("key", 1)
    with server.queries() as second:
        task.set("key", 2)
    assert len(first) == len(second) + 1
    assert task.get("key") == 2


def test_a_session_that_holds_the_run_is_not_asked_for_it(
    inside: Callable[..., Task], server: InsideServer, metadata: Metadata, home: Home
) -> None:
    backend = RedisStateBackend(url=home.redis_url, **PATIENT)
    event.remove(DagRun, "load", run_identity._note)
    scope = inside().instance.scope
    with metadata.sessions() as session:
        runs = select(DagRun).where(DagRun.dag_id == scope.dag_id)
        held = session.scalars(runs).all()
        with server.queries() as queries:
            backend.set(scope, "key", "1", session=session)
        assert len(held) == 1
    assert queries == []
    assert backend.entries(scope).keys() == {"key"}
    with metadata.sessions() as session:
        session.info[run_identity.NOTES] = {(scope.dag_id, scope.run_id): 1}
        assert backend.get(scope, "key", session=session) is None
    backend.close()


def test_without_clear_on_success_a_task_instance_keeps_its_state(
    inside: Callable[..., Task], metadata: Metadata, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRFLOW__STATE_STORE__CLEAR_ON_SUCCESS", "False")
    use(monkeypatch, None)
    task = inside()
    task.set("job_id", 1)
    task.succeed()
    assert metadata.state(task.instance) == "success"
    assert task.get("job_id") == 1


def test_a_wrong_option_is_told_to_the_operator_and_to_the_task_without_its_password(
    inside: Callable[..., Task],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("AIRFLOW__REDIS_STATE__URL", f"http://airflow:{PASSWORD}@redis")
    use(monkeypatch, None)
    task = inside()
    answer = task.http.put(f"{task.path}/key", json={"value": 1})
    log = caplog.text + "".join(capsys.readouterr())
    assert answer.status_code == 424
    for told in (answer.json()["detail"], log):
        assert "[redis_state] url is wrong: it begins with none of redis, rediss, " in told
        assert PASSWORD not in told
