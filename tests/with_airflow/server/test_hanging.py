"""Redis hangs, and many tasks ask for their state at once: the rest of Airflow is answered."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from redis_state.testing import EmbeddedServer
from tests.support.freezing import frozen
from tests.support.waiting import wait_for
from tests.with_airflow.server.airflow_home import ApiServer, Home
from tests.with_airflow.server.metadata import Metadata
from tests.with_airflow.server.tasks import Task

CALLS = 20
WAITED = "did not answer within the budget"
FAILED_FAST = "few calls go on trying"


@dataclass
class Crowd:
    """Tasks that ask for their state at the same time, and one that wants something else."""

    tasks: list[Task]
    bystander: Task
    threads: ThreadPoolExecutor

    def begin(self, method: str = "GET") -> list[Future[httpx.Response]]:
        json = {"value": 1} if method == "PUT" else None
        return [
            self.threads.submit(task.http.request, method, f"{task.path}/key", json=json)
            for task in self.tasks
        ]

    def statuses(self, method: str = "GET") -> list[int]:
        return [call.result().status_code for call in self.begin(method)]

    def state_of_the_run(self) -> httpx.Response:
        """Ask what only the metadata database knows."""
        scope = self.bystander.instance.scope
        return self.bystander.http.get(f"dag-runs/{scope.dag_id}/{scope.run_id}/state")


@pytest.fixture(scope="module")
def patient(home: Home, metadata: Metadata) -> Iterator[ApiServer]:
    """Run a server that waits for Redis longer than a busy machine needs for another request."""
    with ApiServer(home, AIRFLOW__REDIS_STATE__BUDGET="8") as running:
        yield running


@pytest.fixture
def crowd(home: Home, metadata: Metadata, patient: ApiServer, plain: Any) -> Iterator[Crowd]:
    dag_id = metadata.dag()
    metadata.run(dag_id)
    instances = metadata.instances(dag_id, *range(CALLS))
    with ExitStack() as stack:
        *tasks, bystander = [
            stack.enter_context(Task(home, patient.url, each))
            for each in (*instances, metadata.instance())
        ]
        yield Crowd(tasks, bystander, stack.enter_context(ThreadPoolExecutor(CALLS)))


def detail(call: Future[httpx.Response]) -> str:
    answer = call.result()
    assert answer.status_code == httpx.codes.SERVICE_UNAVAILABLE
    return str(answer.json()["detail"])


@pytest.mark.parametrize("method", ["GET", "PUT"])
def test_another_request_is_answered_before_the_calls_that_wait_for_redis(
    crowd: Crowd, redis_server: EmbeddedServer, method: str
) -> None:
    assert set(crowd.statuses("PUT")) == {httpx.codes.NO_CONTENT}
    with frozen(redis_server):
        calls = crowd.begin(method)
        # By then all the others have come, and some of them wait.
        wait_for(lambda: any(call.done() for call in calls))
        answer = crowd.state_of_the_run()
        ended = [call for call in calls if call.done()]
        assert answer.json() == {"state": "running"}
        assert [call for call in ended if WAITED in detail(call)] == []
        details = [detail(call) for call in calls]
    assert sum(FAILED_FAST in each for each in details) > CALLS / 2
    assert 0 < sum(WAITED in each for each in details) < CALLS / 2


def test_when_redis_is_back_all_calls_succeed(crowd: Crowd, redis_server: EmbeddedServer) -> None:
    assert set(crowd.statuses("PUT")) == {httpx.codes.NO_CONTENT}
    with frozen(redis_server):
        assert set(crowd.statuses()) == {httpx.codes.SERVICE_UNAVAILABLE}
    assert crowd.tasks[0].get("key") == 1
    assert set(crowd.statuses()) == {httpx.codes.OK}
    assert set(crowd.statuses("PUT")) == {httpx.codes.NO_CONTENT}
