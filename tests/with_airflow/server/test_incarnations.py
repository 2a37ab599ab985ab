"""A run that is deleted and created again under its run id does not see its predecessor's state."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
import redis

from tests.with_airflow.server.metadata import Asset, Instance, Metadata
from tests.with_airflow.server.tasks import MISSING, Task


@pytest.fixture
def again(metadata: Metadata, task_of: Callable[[Instance], Task]) -> Callable[[Task], Task]:
    """Give a function that deletes the run of a task, and creates both again."""

    def recreate(task: Task) -> Task:
        scope = task.instance.scope
        metadata.delete_run(scope.dag_id)
        metadata.run(scope.dag_id)
        (instance,) = metadata.instances(scope.dag_id, scope.map_index)
        assert instance.scope == scope
        return task_of(instance)

    return recreate


def test_a_run_that_is_created_again_starts_with_empty_state(
    task: Task, again: Callable[[Task], Task]
) -> None:
    task.set("job_id", "of the dead run")
    assert again(task).get("job_id") is MISSING


def test_a_run_that_is_created_again_writes_over_what_it_does_not_see(
    task: Task, again: Callable[[Task], Task]
) -> None:
    task.set("job_id", "of the dead run")
    task.set("other", "of the dead run")
    successor = again(task)
    successor.set("job_id", "of the new run")
    assert [successor.get("job_id"), successor.get("other")] == ["of the new run", MISSING]


def test_a_run_that_is_created_again_deletes_and_clears_what_it_does_not_see(
    task: Task, again: Callable[[Task], Task], plain: redis.Redis
) -> None:
    task.set("job_id", "of the dead run")
    task.set("other", "of the dead run")
    successor = again(task)
    successor.delete("job_id")
    successor.clear()
    assert plain.dbsize() == 0


def test_a_run_that_is_created_twice_again_sees_neither_of_its_predecessors(
    task: Task, again: Callable[[Task], Task]
) -> None:
    task.set("first", 1)
    second = again(task)
    second.set("second", 2)
    third = again(second)
    assert [third.get(key) for key in ("first", "second")] == [MISSING, MISSING]


def test_each_map_index_of_a_run_that_is_created_again_starts_with_empty_state(
    mapped: list[Task], metadata: Metadata, task_of: Callable[[Instance], Task]
) -> None:
    for task in mapped:
        task.set("job_id", "of the dead run")
    dag_id = mapped[0].instance.scope.dag_id
    metadata.delete_run(dag_id)
    metadata.run(dag_id)
    successors = [task_of(instance) for instance in metadata.instances(dag_id, 0, 1, 128)]
    assert [task.get("job_id") for task in successors] == [MISSING] * 3
    successors[0].set("job_id", "of the new run")
    assert [task.get("job_id") for task in successors] == ["of the new run", MISSING, MISSING]


def test_success_of_a_run_that_is_created_again_leaves_nothing_of_either(
    task: Task, again: Callable[[Task], Task], plain: redis.Redis
) -> None:
    task.set("job_id", "of the dead run")
    again(task).succeed()
    assert plain.dbsize() == 0


def test_every_retry_of_one_run_keeps_its_state(
    task: Task, metadata: Metadata, task_of: Callable[[Instance], Task]
) -> None:
    task.set("job_id", "job-1")
    for _ in range(3):
        task.fail_and_retry()
        latest = metadata.latest(task.instance)
        metadata.update(latest, state="running")
        task = task_of(latest)
        assert task.get("job_id") == "job-1"


def test_the_state_of_an_asset_is_of_no_run(
    task: Task, again: Callable[[Task], Task], asset: Asset
) -> None:
    task.on(asset).set("watermark", 1)
    assert again(task).on(asset).get("watermark") == 1


def test_no_request_of_many_at_once_sees_the_run_before(
    task: Task,
    again: Callable[[Task], Task],
    task_of: Callable[[Instance], Task],
) -> None:
    task.set("job_id", "of the dead run")
    successor = again(task)
    clients = [task_of(successor.instance) for _ in range(8)]
    with ThreadPoolExecutor(8) as threads:
        found = threads.map(lambda client: [client.get("job_id") for _ in range(10)], clients)
        assert [value for values in found for value in values] == [MISSING] * 80
