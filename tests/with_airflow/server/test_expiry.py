"""How long a task's value lives: from Airflow's `expires_at` to Redis' own expiry."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
import redis

from redis_state.format import layout
from tests.support.waiting import wait_for
from tests.with_airflow.server.airflow_home import NAMESPACE
from tests.with_airflow.server.tasks import MISSING, Task

PERMANENT = -1
ABSENT = -2
SOON = timedelta(milliseconds=300)
NEPAL = timezone(timedelta(hours=5, minutes=45))


def native_deadline(plain: redis.Redis, task: Task, key: str) -> int:
    """Ask Redis when it drops a value: milliseconds since 1970, PERMANENT or ABSENT."""
    place = layout.place(NAMESPACE, task.instance.scope)
    answer: Any = plain.execute_command("HPEXPIRETIME", place.page, "FIELDS", 1, place.field(key))
    return int(answer[0]) if answer else ABSENT


def milliseconds(moment: datetime) -> int:
    return int(moment.timestamp() * 1000)


def wait_until_gone(task: Task, key: str) -> None:
    wait_for(lambda: task.get(key) is MISSING)


@pytest.mark.parametrize(
    "expires_at",
    [
        datetime(2099, 5, 15, 12, 0, tzinfo=UTC),
        datetime(2099, 5, 15, 12, 0, 0, 123000, tzinfo=NEPAL),
        datetime(2199, 1, 1, tzinfo=timezone(-timedelta(hours=9, minutes=30))),
    ],
)
def test_redis_itself_drops_a_value_at_the_moment_airflow_names(
    task: Task, plain: redis.Redis, expires_at: datetime
) -> None:
    task.set("key", "value", expires_at)
    assert task.get("key") == "value"
    assert native_deadline(plain, task, "key") == milliseconds(expires_at)


def test_a_moment_without_a_zone_is_read_as_utc(task: Task, plain: redis.Redis) -> None:
    body = {"value": 1, "expires_at": "2099-05-15T12:00:00"}
    assert task.http.put(f"{task.path}/key", json=body).status_code == 204
    moment = datetime(2099, 5, 15, 12, 0, tzinfo=UTC)
    assert native_deadline(plain, task, "key") == milliseconds(moment)


def test_the_last_moment_there_is_keeps_a_value_for_ever(task: Task, plain: redis.Redis) -> None:
    task.set("key", "value", datetime.max.replace(tzinfo=UTC))
    assert task.get("key") == "value"
    assert native_deadline(plain, task, "key") == PERMANENT


@pytest.mark.parametrize(
    "expires_at", [datetime(2020, 1, 1, tzinfo=UTC), datetime(1, 1, 1, tzinfo=UTC)]
)
def test_a_moment_that_has_passed_leaves_the_key_absent(
    task: Task, plain: redis.Redis, expires_at: datetime
) -> None:
    task.set("key", "older")
    task.set("other", "untouched")
    task.set("key", "value", expires_at)
    assert task.get("key") is MISSING
    assert native_deadline(plain, task, "key") == ABSENT
    assert task.get("other") == "untouched"


def test_a_value_is_gone_on_time_and_leaves_nothing_in_redis(
    task: Task, plain: redis.Redis
) -> None:
    expires_at = datetime.now(UTC) + SOON
    task.set("key", "value", expires_at)
    wait_until_gone(task, "key")
    assert datetime.now(UTC) >= expires_at
    wait_for(lambda: plain.dbsize() == 0)


def test_a_value_that_expires_takes_no_sibling_with_it(task: Task) -> None:
    task.set("long", "value", datetime.now(UTC) + timedelta(hours=1))
    task.set("permanent", "value")
    task.set("short", "value", datetime.now(UTC) + SOON)
    wait_until_gone(task, "short")
    assert [task.get("long"), task.get("permanent")] == ["value", "value"]


def test_map_indices_expire_each_for_themselves(mapped: list[Task]) -> None:
    for task in mapped:
        task.set("key", "value", datetime.now(UTC) + timedelta(hours=1))
    mapped[0].set("key", "value", datetime.now(UTC) + SOON)
    wait_until_gone(mapped[0], "key")
    assert [task.get("key") for task in mapped[1:]] == ["value", "value"]


def test_a_later_set_without_expiry_drops_the_earlier_one(task: Task, plain: redis.Redis) -> None:
    task.set("key", "value", datetime.now(UTC) + timedelta(hours=1))
    task.set("key", "value")
    assert native_deadline(plain, task, "key") == PERMANENT


def test_a_later_set_with_another_expiry_takes_it(task: Task, plain: redis.Redis) -> None:
    later = datetime(2099, 1, 1, tzinfo=UTC)
    task.set("key", "value", datetime.now(UTC) + timedelta(hours=1))
    task.set("key", "value", later)
    assert native_deadline(plain, task, "key") == milliseconds(later)


def test_an_expiry_that_is_no_moment_is_refused_and_nothing_is_stored(
    task: Task, plain: redis.Redis
) -> None:
    body = {"value": 1, "expires_at": "soon"}
    assert task.http.put(f"{task.path}/key", json=body).status_code == 422
    assert plain.dbsize() == 0
