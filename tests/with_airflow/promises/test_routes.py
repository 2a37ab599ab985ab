"""What the UI and REST API delete or mark as success goes in Redis; what they leave stays."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
import redis
from airflow.api_fastapi.core_api.datamodels.task_instances import ClearTaskInstancesBody
from airflow.models import DagRun
from airflow.models.dag import DagModel
from airflow.models.dagbundle import DagBundleModel
from airflow.models.serialized_dag import SerializedDagModel
from airflow.sdk import DAG, BaseOperator, TaskGroup
from airflow.serialization.serialized_objects import LazyDeserializedDAG

from redis_state import RedisStateBackend, TaskScope
from redis_state.testing import EmbeddedServer
from tests.support.waiting import wait_for
from tests.with_airflow.server.airflow_home import NAMESPACE, ApiServer, Home
from tests.with_airflow.server.metadata import BUNDLE, Instance, Metadata

TASKS = ("task", "group.first", "group.second")
KEEPS_OR_DISCARDS = "keep_task_state"


@pytest.fixture(scope="module")
def statsd() -> Iterator[socket.socket]:
    """Listen where the API server sends its metrics to."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sink:
        sink.bind(("127.0.0.1", 0))
        sink.settimeout(30)
        yield sink


@pytest.fixture(scope="module")
def server(home: Home, metadata: Metadata, statsd: socket.socket) -> Iterator[ApiServer]:
    options = {
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS": "True",
        "AIRFLOW__REDIS_STATE__BUDGET": "1",
        "AIRFLOW__METRICS__STATSD_ON": "True",
        "AIRFLOW__METRICS__STATSD_HOST": "127.0.0.1",
        "AIRFLOW__METRICS__STATSD_PORT": str(statsd.getsockname()[1]),
    }
    with ApiServer(home, apps="all", **options) as running:
        yield running


@pytest.fixture(scope="module")
def http(server: ApiServer) -> Iterator[httpx.Client]:
    told = httpx.get(f"{server.root}/auth/token").raise_for_status()
    headers = {"Authorization": f"Bearer {told.json()['access_token']}"}
    with httpx.Client(base_url=f"{server.root}/api/v2", timeout=60, headers=headers) as http:
        yield http


@pytest.fixture
def backend(redis_server: EmbeddedServer, plain: redis.Redis) -> Iterator[RedisStateBackend]:
    backend = RedisStateBackend(url=redis_server.url, namespace=NAMESPACE, budget=30)
    yield backend
    backend.close()


@pytest.fixture
def dag_id(metadata: Metadata) -> str:
    """Give a DAG that the API server knows, with a task and a group of two."""
    with DAG(f"dag_{metadata.dag().removeprefix('dag-')}", schedule=None) as dag:
        BaseOperator(task_id="task")
        with TaskGroup("group"):
            BaseOperator(task_id="first")
            BaseOperator(task_id="second")
    with metadata.session() as session:
        session.merge(DagBundleModel(name=BUNDLE))
        session.flush()
        session.add(
            DagModel(
                dag_id=dag.dag_id,
                bundle_name=BUNDLE,
                max_active_tasks=16,
                max_consecutive_failed_dag_runs=0,
                has_task_concurrency_limits=False,
            )
        )
        session.flush()
        SerializedDagModel.write_dag(
            LazyDeserializedDAG.from_dag(dag), bundle_name=BUNDLE, session=session
        )
    return str(dag.dag_id)


class Runs:
    """Runs of a DAG, whose tasks have state."""

    def __init__(self, dag_id: str, metadata: Metadata, backend: RedisStateBackend) -> None:
        self.dag_id = dag_id
        self.path = f"/dags/{dag_id}/dagRuns"
        self._metadata = metadata
        self._backend = backend
        self._instances: list[Instance] = []

    def add(self, *run_ids: str, state: str = "failed") -> None:
        for run_id in run_ids:
            row_id = self._metadata.run(self.dag_id, run_id)
            for task_id in TASKS:
                self._add_task(run_id, task_id, state)
            with self._metadata.session() as session:
                session.get(DagRun, row_id).state = state

    def _add_task(self, run_id: str, task_id: str, state: str) -> None:
        indices = (0, 1) if task_id == "group.second" else (-1,)
        for instance in self._metadata.instances(
            self.dag_id, *indices, run_id=run_id, task_id=task_id
        ):
            self._metadata.update(instance, state=state)
            self._backend.set(instance.scope, "job_id", "1")
            self._instances.append(instance)

    def gone(self, run_id: str) -> set[str]:
        """Return the tasks of a run of whose state there is none."""
        scopes = [each.scope for each in self._instances if each.scope.run_id == run_id]
        assert scopes
        return {task for task in TASKS if not any(self._is_there(scopes, task))}

    def _is_there(self, scopes: list[TaskScope], task_id: str) -> list[bool]:
        of_task = [scope for scope in scopes if scope.task_id == task_id]
        return [self._backend.get(scope, "job_id") is not None for scope in of_task]


@pytest.fixture
def runs(dag_id: str, metadata: Metadata, backend: RedisStateBackend) -> Runs:
    runs = Runs(dag_id, metadata, backend)
    runs.add("one", "two")
    return runs


def ok(answer: httpx.Response) -> Any:
    assert answer.is_success, answer.text
    return answer.json() if answer.content else None


def test_a_task_instance_that_is_marked_as_success_loses_its_state(
    http: httpx.Client, runs: Runs
) -> None:
    ok(http.patch(f"{runs.path}/one/taskInstances/task", json={"new_state": "success"}))
    assert runs.gone("one") == {"task"}
    assert runs.gone("two") == set()


def test_a_group_that_is_marked_as_success_loses_its_state(http: httpx.Client, runs: Runs) -> None:
    ok(http.patch(f"{runs.path}/one/taskGroupInstances/group", json={"new_state": "success"}))
    assert runs.gone("one") == {"group.first", "group.second"}
    assert runs.gone("two") == set()


def test_many_task_instances_that_are_marked_as_success_lose_their_state(
    http: httpx.Client, runs: Runs
) -> None:
    entities = [{"task_id": name, "new_state": "success"} for name in ("task", "group.first")]
    action = {"action": "update", "entities": entities}
    told = ok(http.patch(f"{runs.path}/one/taskInstances", json={"actions": [action]}))
    assert told["update"]["errors"] == []
    assert runs.gone("one") == {"task", "group.first"}


def test_a_task_instance_that_is_marked_as_failed_keeps_its_state(
    http: httpx.Client, runs: Runs
) -> None:
    runs.add("running", state="running")
    ok(http.patch(f"{runs.path}/running/taskInstances/task", json={"new_state": "failed"}))
    assert runs.gone("running") == set()


def test_a_run_that_is_marked_as_success_keeps_its_state_as_in_airflows_own_store(
    http: httpx.Client, runs: Runs
) -> None:
    ok(http.patch(f"{runs.path}/one", json={"state": "success"}))
    assert runs.gone("one") == set()


def test_a_deleted_run_loses_its_state(http: httpx.Client, runs: Runs) -> None:
    ok(http.delete(f"{runs.path}/one"))
    assert runs.gone("one") == set(TASKS)
    assert runs.gone("two") == set()


def test_a_run_that_must_not_be_deleted_keeps_its_state(http: httpx.Client, runs: Runs) -> None:
    runs.add("running", state="running")
    assert http.delete(f"{runs.path}/running").status_code == 409
    assert runs.gone("running") == set()


def test_many_deleted_runs_lose_their_state(http: httpx.Client, runs: Runs) -> None:
    runs.add("three")
    entities = [{"dag_run_id": run_id} for run_id in ("one", "two")]
    action = {"action": "delete", "entities": entities}
    told = ok(http.patch(runs.path, json={"actions": [action]}))
    assert told["delete"]["errors"] == []
    assert [runs.gone(run_id) for run_id in ("one", "two", "three")] == [set(TASKS)] * 2 + [set()]


def test_a_deleted_dag_loses_its_state(http: httpx.Client, runs: Runs) -> None:
    ok(http.delete(f"/dags/{runs.dag_id}"))
    assert [runs.gone("one"), runs.gone("two")] == [set(TASKS)] * 2


@pytest.mark.parametrize("keep", [True, False])
def test_a_cleared_task_keeps_its_state_unless_airflow_discards_it(
    http: httpx.Client, runs: Runs, keep: bool
) -> None:
    named = {"dag_run_id": "one", "task_ids": ["task"], "dry_run": False, "only_failed": False}
    body = named | ({KEEPS_OR_DISCARDS: keep} if discards() else {})
    ok(http.post(f"/dags/{runs.dag_id}/clearTaskInstances", json=body))
    assert runs.gone("one") == (set() if keep or not discards() else {"task"})


def discards() -> bool:
    """Tell whether this Airflow can discard state when it clears a task: 3.4 does."""
    return KEEPS_OR_DISCARDS in ClearTaskInstancesBody.model_fields


def test_a_run_is_deleted_though_redis_is_silent_which_is_logged_and_counted(
    http: httpx.Client,
    runs: Runs,
    redis_server: EmbeddedServer,
    server: ApiServer,
    statsd: socket.socket,
) -> None:
    redis_server.pause()
    try:
        answer = http.delete(f"{runs.path}/one")
        wait_for(lambda: "Airflow has deleted it" in server.log, "the line in the log")
    finally:
        redis_server.resume()
    ok(answer)
    assert http.get(f"{runs.path}/one").status_code == 404
    assert f"TaskScope(dag_id='{runs.dag_id}', run_id='one', task_id='task'" in server.log
    metrics = iter(lambda: statsd.recv(65_536).decode(), None)
    assert any(f"redis_state.not_cleared.server:{len(TASKS)}|c" in each for each in metrics)
