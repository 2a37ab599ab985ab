"""Who may touch the state of a task: Airflow's own authentication in front of the backend."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest
import redis
from airflow.sdk.api.client import ServerResponseError

from tests.with_airflow.server.airflow_home import Home
from tests.with_airflow.server.metadata import Instance, Metadata
from tests.with_airflow.server.tasks import Task


def answers(http: Any, path: str) -> list[Any]:
    return [
        http.get(f"{path}/key"),
        http.put(f"{path}/key", json={"value": "stolen"}),
        http.delete(f"{path}/key"),
        http.delete(path),
    ]


def statuses(http: Any, path: str) -> set[int]:
    return {answer.status_code for answer in answers(http, path)}


def test_the_token_of_another_task_instance_is_refused_and_changes_nothing(
    task: Task, task_of: Callable[[Instance], Task], metadata: Metadata
) -> None:
    task.set("key", "mine")
    stranger = task_of(metadata.instance())
    assert statuses(stranger.http, task.path) == {403}
    with pytest.raises(ServerResponseError) as refusal:
        stranger.client.task_state_store.set(task.instance.id, "key", "stolen", None)
    assert refusal.value.response.status_code == 403
    assert task.get("key") == "mine"


def test_the_token_of_a_sibling_in_a_mapped_task_is_refused_too(mapped: list[Task]) -> None:
    for task in mapped:
        task.set("key", "mine")
    assert statuses(mapped[0].http, mapped[1].path) == {403}
    assert [task.get("key") for task in mapped] == ["mine", "mine", "mine"]


@pytest.mark.parametrize(
    ("authorization", "status"),
    [("", 401), ("Basic dXNlcjpwYXNz", 401), ("Bearer nonsense", 403)],
)
def test_a_request_without_a_good_token_is_refused_and_changes_nothing(
    task: Task, plain: redis.Redis, authorization: str, status: int
) -> None:
    task.http.headers["Authorization"] = authorization
    assert statuses(task.http, task.path) == {status}
    assert plain.dbsize() == 0


@pytest.mark.parametrize("options", [{"valid_for": -60}, {"scope": "workload"}])
def test_a_token_past_its_time_or_of_another_kind_is_refused(
    task: Task, home: Home, plain: redis.Redis, options: dict[str, Any]
) -> None:
    token = home.token(task.instance.id, **options)
    task.http.headers["Authorization"] = f"Bearer {token}"
    assert statuses(task.http, task.path) == {403}
    assert plain.dbsize() == 0


def test_a_task_instance_that_airflow_does_not_know_is_not_found(
    task: Task, task_of: Callable[[Instance], Task], plain: redis.Redis
) -> None:
    unknown = task_of(Instance(uuid4(), task.instance.scope))
    said = answers(unknown.http, unknown.path)
    assert {answer.status_code for answer in said} == {404}
    assert "Task instance" in said[0].json()["detail"]["message"]
    assert plain.dbsize() == 0
