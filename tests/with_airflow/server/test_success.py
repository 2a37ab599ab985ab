"""Airflow's `[state_store] clear_on_success`: what a task instance leaves when it succeeds."""

from __future__ import annotations

from collections.abc import Callable

import redis

from redis_state.testing import EmbeddedServer
from tests.with_airflow.server.airflow_home import ApiServer
from tests.with_airflow.server.metadata import Asset, Instance, Metadata
from tests.with_airflow.server.tasks import MISSING, Task


def test_success_clears_the_state_of_the_task_instance(
    task: Task, metadata: Metadata, plain: redis.Redis
) -> None:
    for key in ("job_id", "checkpoint", "progress"):
        task.set(key, 1)
    task.succeed()
    assert metadata.state(task.instance) == "success"
    assert task.get("job_id") is MISSING
    assert plain.dbsize() == 0


def test_success_of_one_map_index_leaves_the_others(mapped: list[Task]) -> None:
    for task in mapped:
        task.set("job_id", 1)
    mapped[0].succeed()
    assert [task.get("job_id") for task in mapped] == [MISSING, 1, 1]


def test_success_leaves_other_tasks_and_assets_alone(
    task: Task, task_of: Callable[[Instance], Task], asset: Asset, metadata: Metadata
) -> None:
    (sibling,) = metadata.instances(task.instance.scope.dag_id, task_id="sibling")
    stays = task_of(sibling)
    for one in (task, stays):
        one.set("job_id", 1)
    task.on(asset).set("watermark", 1)
    task.succeed()
    assert task.get("job_id") is MISSING
    assert [stays.get("job_id"), stays.on(asset).get("watermark")] == [1, 1]


def test_failure_leaves_the_state_for_the_next_try(
    task: Task, task_of: Callable[[Instance], Task], metadata: Metadata
) -> None:
    task.set("job_id", 1)
    task.fail_and_retry()
    assert metadata.state(metadata.latest(task.instance)) == "up_for_retry"
    assert task_of(metadata.latest(task.instance)).get("job_id") == 1


def test_a_task_succeeds_though_redis_is_silent(
    task: Task, metadata: Metadata, api: ApiServer, redis_server: EmbeddedServer
) -> None:
    task.set("job_id", 1)
    redis_server.pause()
    try:
        task.succeed()
    finally:
        redis_server.resume()
    assert metadata.state(task.instance) == "success"
    assert "Failed to clear task state on success" in api.log
