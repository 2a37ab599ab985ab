"""The state of tasks through Airflow's own Execution API, client and tokens."""

from __future__ import annotations

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import redis

from redis_state.format import layout
from redis_state.format.envelope import decode
from tests.with_airflow.server.airflow_home import NAMESPACE
from tests.with_airflow.server.metadata import Instance, Metadata
from tests.with_airflow.server.tasks import JSON, MISSING, Task
from tests.with_airflow.server.values import KEYS, VALUES


def payload(plain: redis.Redis, task: Task, key: str) -> bytes:
    place = layout.place(NAMESPACE, task.instance.scope)
    raw: Any = plain.hget(place.page, place.field(key).decode())
    return decode(raw, place.page, key).text.encode()


@pytest.mark.parametrize("value", VALUES.values(), ids=list(VALUES))
def test_a_value_comes_back_as_it_was(task: Task, plain: redis.Redis, value: Any) -> None:
    task.set("key", value)
    found = task.get("key")
    assert json.dumps(found) == json.dumps(value)
    assert payload(plain, task, "key") == json.dumps(value).encode()


@pytest.mark.parametrize(
    "text", ["-0.0", "1.0", "123456789012345678901234567890", '{"b":1,"a":{"d":2,"c":3}}']
)
def test_a_document_comes_back_over_plain_http_as_it_was(task: Task, text: str) -> None:
    content = f'{{"value":{text}}}'
    put = task.http.put(f"{task.path}/key", content=content, headers=JSON)
    assert put.status_code == 204
    assert task.http.get(f"{task.path}/key").text == content


@pytest.mark.parametrize("size", [64 * 1024, 5_000_000])
def test_a_large_value_comes_back_as_it_was(task: Task, size: int) -> None:
    value = {"log": "x" * size}
    task.set("key", value)
    assert task.get("key") == value


@pytest.mark.parametrize(
    "content", ["{}", '{"value": null}', '{"value": 1, "more": 2}', '{"value": 1', ""]
)
def test_what_is_no_value_to_airflow_is_refused_and_not_stored(
    task: Task, plain: redis.Redis, content: str
) -> None:
    put = task.http.put(f"{task.path}/key", content=content, headers=JSON)
    assert put.status_code == 422
    assert plain.dbsize() == 0


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e400"])
def test_a_number_that_json_has_not_is_refused_and_not_stored(
    task: Task, plain: redis.Redis, number: str
) -> None:
    content = f'{{"value": {number}}}'
    put = task.http.put(f"{task.path}/key", content=content, headers=JSON)
    # Airflow refuses it, and then fails to quote it in its refusal.
    assert put.status_code in (422, 500)
    assert plain.dbsize() == 0


@pytest.mark.parametrize("key", KEYS.values(), ids=list(KEYS))
def test_a_key_may_hold_anything(task: Task, key: str) -> None:
    task.set("other", "untouched")
    task.set(key, "mine")
    assert task.get(key) == "mine"
    task.delete(key)
    assert task.get(key) is MISSING
    assert task.get("other") == "untouched"


def test_keys_that_look_alike_are_kept_apart(task: Task) -> None:
    for number, key in enumerate(KEYS.values()):
        task.set(key, number)
    assert [task.get(key) for key in KEYS.values()] == list(range(len(KEYS)))


@pytest.mark.parametrize("key", [".", ".."])
def test_a_key_of_dots_reaches_the_store_where_a_client_escapes_it(task: Task, key: str) -> None:
    url = f"{task.path}/{key.replace('.', '%2E')}"
    assert task.http.put(url, json={"value": key}).status_code == 204
    assert task.http.get(url).json() == {"value": key}
    assert task.http.delete(url).status_code == 204
    assert task.http.get(url).status_code == 404


def test_a_key_that_was_never_set_is_not_found(task: Task) -> None:
    assert task.get("never set") is MISSING
    response = task.http.get(f"{task.path}/never set")
    assert response.status_code == 404
    assert response.json()["detail"]["reason"] == "not_found"


def test_a_later_value_takes_the_place_of_an_earlier_one(task: Task) -> None:
    task.set("key", {"a": 1, "b": 2})
    task.set("key", {"a": 3})
    assert task.get("key") == {"a": 3}


def test_delete_takes_one_key_and_leaves_the_others(task: Task) -> None:
    for key in ("job_id", "checkpoint"):
        task.set(key, key)
    task.delete("job_id")
    assert task.get("job_id") is MISSING
    assert task.get("checkpoint") == "checkpoint"


def test_deleting_and_clearing_what_is_not_there_is_no_error(
    task: Task, plain: redis.Redis
) -> None:
    task.delete("never set")
    task.clear()
    assert plain.dbsize() == 0


def test_clear_takes_every_key_of_a_task_instance_and_leaves_nothing_in_redis(
    task: Task, plain: redis.Redis
) -> None:
    for key in KEYS.values():
        task.set(key, 1)
    task.clear()
    assert {task.get(key) for key in KEYS.values()} == {MISSING}
    assert plain.dbsize() == 0


def test_map_indices_have_state_of_their_own(mapped: list[Task]) -> None:
    for number, task in enumerate(mapped):
        task.set("job_id", number)
    assert [task.get("job_id") for task in mapped] == [0, 1, 2]


@pytest.mark.parametrize("cleared", [0, 1, 2])
def test_clear_of_one_map_index_leaves_the_others(mapped: list[Task], cleared: int) -> None:
    for number, task in enumerate(mapped):
        task.set("job_id", number)
    mapped[cleared].clear()
    found = [task.get("job_id") for task in mapped]
    assert found == [MISSING if number == cleared else number for number in range(3)]


def test_tasks_and_runs_and_dags_have_state_of_their_own(
    task: Task, task_of: Callable[[Instance], Task], metadata: Metadata
) -> None:
    dag_id = task.instance.scope.dag_id
    metadata.run(dag_id, "other-run")
    others = [
        *metadata.instances(dag_id, task_id="other_task"),
        *metadata.instances(dag_id, 0),
        *metadata.instances(dag_id, run_id="other-run"),
        metadata.instance(),
    ]
    task.set("job_id", "mine")
    assert {task_of(other).get("job_id") for other in others} == {MISSING}


def test_the_next_try_finds_what_the_last_one_stored(
    task: Task, task_of: Callable[[Instance], Task], metadata: Metadata
) -> None:
    task.set("job_id", "job-1")
    task.fail_and_retry()
    retried = metadata.latest(task.instance)
    assert retried.id != task.instance.id
    assert task_of(retried).get("job_id") == "job-1"


@pytest.mark.parametrize("run_id", ["manual__2026-01-01T00:00:00+00:00", "a/b {c}:~%é", "r" * 250])
def test_a_run_id_may_hold_anything(
    task_of: Callable[[Instance], Task],
    metadata: Metadata,
    monkeypatch: pytest.MonkeyPatch,
    run_id: str,
) -> None:
    monkeypatch.setenv("AIRFLOW__SCHEDULER__ALLOWED_RUN_ID_PATTERN", ".*")
    task = task_of(metadata.instance(run_id=run_id))
    task.set("key", run_id)
    assert task.get("key") == run_id


def test_many_tasks_at_once_each_find_their_own_and_one_of_what_they_share(
    task: Task, task_of: Callable[[Instance], Task], metadata: Metadata
) -> None:
    instances = metadata.instances(task.instance.scope.dag_id, *range(20), task_id="mapped")
    # A client is no thread's to share.
    pairs = [(task_of(instance), task_of(task.instance)) for instance in instances]

    def work(number: int) -> list[Any]:
        own, shared = pairs[number]
        seen = []
        for step in range(5):
            own.set("step", [number, step])
            shared.set("last", [number, step])
            assert own.get("step") == [number, step]
            seen.append(shared.get("last"))
        own.delete("step")
        assert own.get("step") is MISSING
        return seen

    with ThreadPoolExecutor(20) as threads:
        seen = [value for values in threads.map(work, range(20)) for value in values]
    written = [[number, step] for number in range(20) for step in range(5)]
    assert len(seen) == 100
    assert all(value in written for value in seen)
