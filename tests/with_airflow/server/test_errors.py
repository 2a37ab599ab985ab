"""What a task learns of an error: its status and message, and how often it is tried."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from typing import Any

import pytest
import redis
from airflow.sdk.api.client import ServerResponseError
from airflow.sdk.configuration import conf
from airflow.sdk.exceptions import AirflowRuntimeError
from airflow.sdk.execution_time.context import AssetStateStoreAccessor, TaskStateStoreAccessor
from tenacity import stop_after_attempt, wait_none

from redis_state import AssetScope
from redis_state.format import layout
from redis_state.testing import EmbeddedServer
from tests.support.freezing import frozen
from tests.with_airflow.server.airflow_home import NAMESPACE, ApiServer, Home
from tests.with_airflow.server.metadata import Asset, Metadata
from tests.with_airflow.server.supervision import supervised
from tests.with_airflow.server.tasks import MISSING, RETRYING, Task

TRIES = 2
# Airflow's UI cuts a message after about so many characters.
SHOWN = 100
Failure = tuple[int, str, int]
LONG_KEY = "k" * 513
# With its quotes, one byte more than 16 MiB.
LARGE_VALUE = "x" * (16 * 1024 * 1024 - 1)


def requests_of(task: Task) -> list[Any]:
    """Collect the requests that the client sends from now on."""
    requests: list[Any] = []
    task.client.event_hooks["request"].append(requests.append)
    return requests


@pytest.fixture
def sent(task: Task) -> list[Any]:
    return requests_of(task)


def refusal(call: Callable[[], Any]) -> tuple[int, str]:
    """Return the status that the client meets, and the message that it shows."""
    with pytest.raises(ServerResponseError) as raised:
        call()
    message = str(raised.value)
    assert raised.value.response.json() == {"detail": message}
    return raised.value.response.status_code, message


@contextmanager
def away(server: EmbeddedServer) -> Iterator[None]:
    server.kill()
    try:
        yield
    finally:
        server.start()


def spoil(plain: redis.Redis, scope: Any, key: str) -> None:
    place = layout.place(NAMESPACE, scope)
    plain.hset(place.page, place.field(key), b"no envelope")


METHODS: dict[str, Callable[[Task, str], Any]] = {
    "get": lambda task, key: task.get(key),
    "set": lambda task, key: task.set(key, 1),
    "delete": lambda task, key: task.delete(key),
}
ASSET_METHODS: dict[str, Callable[[Task, Asset, str], Any]] = {
    "get": lambda task, asset, key: task.on(asset).get(key),
    "set": lambda task, asset, key: task.on(asset, "uri").set(key, 1),
    "delete": lambda task, asset, key: task.on(asset).delete(key),
}


@pytest.mark.parametrize("method", METHODS.values(), ids=list(METHODS))
def test_a_key_that_is_too_long_is_refused_once_and_for_all(
    task: Task, sent: list[Any], plain: redis.Redis, method: Callable[[Task, str], Any]
) -> None:
    status, message = refusal(lambda: method(task, LONG_KEY))
    assert (status, len(sent)) == (422, 1)
    assert "513 characters" in message
    assert "[redis_state] max_key_chars" in message
    assert plain.dbsize() == 0


@pytest.mark.parametrize("method", ASSET_METHODS.values(), ids=list(ASSET_METHODS))
def test_a_key_of_an_asset_that_is_too_long_is_refused_once_and_for_all(
    task: Task,
    asset: Asset,
    sent: list[Any],
    plain: redis.Redis,
    method: Callable[[Task, Asset, str], Any],
) -> None:
    status, message = refusal(lambda: method(task, asset, LONG_KEY))
    assert (status, len(sent)) == (422, 1)
    assert "[redis_state] max_key_chars" in message
    assert plain.dbsize() == 0


def test_a_value_that_is_too_large_is_refused_once_and_for_all(
    task: Task, asset: Asset, sent: list[Any], plain: redis.Redis
) -> None:
    for store in (task, task.on(asset)):
        status, message = refusal(partial(store.set, "key", LARGE_VALUE))
        assert status == 413
        assert "16777217 bytes" in message
        assert "[redis_state] max_value_bytes" in message
    assert len(sent) == 2
    assert plain.dbsize() == 0


def test_what_others_have_written_is_told_and_not_taken_for_a_missing_key(
    task: Task, asset: Asset, sent: list[Any], plain: redis.Redis
) -> None:
    for store, scope in (
        (task, task.instance.scope),
        (task.on(asset), AssetScope(asset_id=asset.id)),
    ):
        store.set("other", 1)
        spoil(plain, scope, "key")
        sent.clear()
        status, message = refusal(partial(store.get, "key"))
        assert (status, len(sent)) == (409, 1)
        assert "that redis-state did not write" in message
        assert store.get("other") == 1
        store.set("key", "written over")
        assert store.get("key") == "written over"


def test_what_others_have_written_can_be_deleted_and_cleared(
    task: Task, plain: redis.Redis
) -> None:
    spoil(plain, task.instance.scope, "key")
    task.delete("key")
    assert task.get("key") is MISSING
    spoil(plain, task.instance.scope, "key")
    task.clear()
    assert plain.dbsize() == 0


def test_what_no_second_try_mends_is_refused_once_and_for_all(
    task: Task, sent: list[Any], plain: redis.Redis, api: ApiServer
) -> None:
    plain.execute_command("ACL", "SETUSER", "default", "-hget")
    try:
        status, message = refusal(partial(task.get, "key"))
    finally:
        plain.execute_command("ACL", "SETUSER", "default", "+hget")
    assert (status, len(sent)) == (424, 1)
    assert "the ACL user lacks a right: grant it" in message[:SHOWN]
    assert message in api.log
    assert task.get("key") is MISSING


def test_a_redis_key_of_another_program_is_named(
    task: Task, sent: list[Any], plain: redis.Redis
) -> None:
    page = layout.place(NAMESPACE, task.instance.scope).page
    plain.set(page, "of another program")
    status, message = refusal(partial(task.set, "key", 1))
    assert (status, len(sent)) == (409, 1)
    assert "is not redis-state's: delete it, or give this" in message[:SHOWN]
    assert repr(page) in message
    plain.unlink(page)


OUTAGE: dict[str, Callable[[Task, Asset], Any]] = {
    "get": lambda task, _: task.get("key"),
    "set": lambda task, _: task.set("key", 1),
    "delete": lambda task, _: task.delete("key"),
    "clear": lambda task, _: task.clear(),
    "get of an asset": lambda task, asset: task.on(asset).get("key"),
    "set of an asset": lambda task, asset: task.on(asset).set("key", 1),
}


@pytest.fixture(scope="module")
def outage(
    home: Home, api: ApiServer, metadata: Metadata, redis_server: EmbeddedServer
) -> dict[str, Failure]:
    """Use each method while Redis is away: what the client raises, and how often it tried."""
    asset = metadata.asset()

    def fail(method: Callable[[Task, Asset], Any]) -> Failure:
        with Task(home, api.url, metadata.instance()) as task:
            sent = requests_of(task)
            status, message = refusal(lambda: method(task, asset))
            return status, message, len(sent)

    with (
        away(redis_server),
        pytest.MonkeyPatch.context() as patch,
        ThreadPoolExecutor(len(OUTAGE)) as threads,
    ):
        patch.setattr(RETRYING, "stop", stop_after_attempt(TRIES))
        patch.setattr(RETRYING, "wait", wait_none())
        return dict(zip(OUTAGE, threads.map(fail, OUTAGE.values()), strict=True))


@pytest.mark.parametrize("method", OUTAGE)
def test_redis_that_is_away_is_told_and_tried_again(
    outage: dict[str, Failure], method: str
) -> None:
    status, message, tries = outage[method]
    assert (status, tries) == (503, TRIES)
    assert message.startswith("Nothing listens at ")
    assert "start Redis there" in message[:SHOWN]
    assert "Connection refused" in message


def test_an_operator_finds_in_the_log_that_redis_is_away(
    outage: dict[str, Failure], api: ApiServer
) -> None:
    _, message, _ = outage["get"]
    assert message in api.log


def test_redis_that_is_silent_is_told_before_the_client_gives_up(
    task: Task, redis_server: EmbeddedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(RETRYING, "stop", stop_after_attempt(1))
    state = TaskStateStoreAccessor(task.instance.id, task.instance.scope)
    # A missing key would be the default; so would nothing else.
    with (
        frozen(redis_server),
        supervised(task),
        pytest.raises(AirflowRuntimeError, match="503.*did not answer") as caught,
    ):
        state.get("key", "default")
    told = re.search(r"within the budget of (\S+) s", str(caught.value))
    assert told is not None
    assert float(told[1]) <= conf.getfloat("workers", "execution_api_timeout") / 2
    assert task.get("key") is MISSING


def test_the_server_goes_on_when_redis_is_back(task: Task, redis_server: EmbeddedServer) -> None:
    task.set("key", 1)
    with away(redis_server):
        pass
    assert task.get("key") is MISSING
    task.set("key", 2)
    assert task.get("key") == 2


def test_the_message_reaches_the_exception_that_the_task_sees(
    task: Task, asset: Asset, plain: redis.Redis
) -> None:
    scope = task.instance.scope
    spoil(plain, scope, "spoilt")
    state = TaskStateStoreAccessor(task.instance.id, scope)
    watermark = AssetStateStoreAccessor(name=asset.name)
    with supervised(task):
        with pytest.raises(AirflowRuntimeError, match="513 characters.*max_key_chars"):
            state.set(LONG_KEY, 1)
        with pytest.raises(AirflowRuntimeError, match="16777217 bytes.*max_value_bytes"):
            state.set("key", LARGE_VALUE)
        with pytest.raises(AirflowRuntimeError, match="that redis-state did not write"):
            state.get("spoilt", "default")
        with pytest.raises(AirflowRuntimeError, match="513 characters.*max_key_chars"):
            watermark.get(LONG_KEY, "default")
    task.delete("spoilt")
