"""Redis hangs, and many tasks ask for their state at once: the rest of Airflow is answered."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

import httpx
import pytest

from redis_state.testing import EmbeddedServer
from tests.support.freezing import frozen
from tests.with_airflow.server.metadata import Instance, Metadata
from tests.with_airflow.server.tasks import Task

CALLS = 20
WAITED = "did not answer within the budget"
TURNED_AWAY = "a few calls go on trying"


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


@pytest.fixture
def crowd(metadata: Metadata, task_of: Callable[[Instance], Task]) -> Iterator[Crowd]:
    dag_id = metadata.dag()
    metadata.run(dag_id)
    tasks = [task_of(each) for each in metadata.instances(dag_id, *range(CALLS))]
    bystander = task_of(metadata.instance())
    with ThreadPoolExecutor(CALLS) as threads:
        yield Crowd(tasks, bystander, threads)


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
        time.sleep(0.1)
        answer = crowd.state_of_the_run()
        ended = [call for call in calls if call.done()]
        assert answer.json() == {"state": "running"}
        assert [call for call in ended if WAITED in detail(call)] == []
        details = [detail(call) for call in calls]
    assert sum(TURNED_AWAY in each for each in details) > CALLS / 2
    assert 0 < sum(WAITED in each for each in details) < CALLS / 2


def test_when_redis_is_back_all_calls_succeed(crowd: Crowd, redis_server: EmbeddedServer) -> None:
    assert set(crowd.statuses("PUT")) == {httpx.codes.NO_CONTENT}
    with frozen(redis_server):
        assert set(crowd.statuses()) == {httpx.codes.SERVICE_UNAVAILABLE}
    assert crowd.tasks[0].get("key") == 1
    assert set(crowd.statuses()) == {httpx.codes.OK}
    assert set(crowd.statuses("PUT")) == {httpx.codes.NO_CONTENT}
