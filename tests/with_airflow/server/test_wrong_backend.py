"""A class path that leads nowhere: the API server says so at its start, and to the tasks."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from redis_state import RedisStateBackend
from redis_state.admin.health import Finding
from redis_state.airflow import state_store
from tests.with_airflow.server.airflow_home import Home
from tests.with_airflow.server.inside import InsideServer, inside_server
from tests.with_airflow.server.metadata import Metadata
from tests.with_airflow.server.tasks import Task
from tests.with_airflow.server.test_errors import SHOWN, refusal, requests_of

BACKEND = "AIRFLOW__STATE_STORE__BACKEND"
WRONG = "redis_state.RedisStatBackend"
SAYS = "[state_store] backend is wrong: write redis_state.RedisStateBackend"


CALLS: dict[str, Callable[[Task], Any]] = {
    "get": lambda task: task.get("key"),
    "set": lambda task: task.set("key", 1),
    "clear": lambda task: task.clear(),
}


@pytest.fixture(scope="module")
def lines() -> Iterator[list[str]]:
    """Collect what the plug-in logs."""
    found: list[str] = []
    handler = logging.Handler()
    handler.emit = lambda record: found.append(record.getMessage())  # type: ignore[method-assign]
    logger = logging.getLogger("redis_state.plugin")
    logger.addHandler(handler)
    yield found
    logger.removeHandler(handler)


@pytest.fixture(scope="module")
def misnamed(home: Home, metadata: Metadata, lines: list[str]) -> Iterator[InsideServer]:
    with inside_server(home, metadata, "all", **{BACKEND: WRONG}) as running:
        yield running


@pytest.mark.parametrize("method", CALLS)
def test_a_task_is_told_at_its_first_try(
    home: Home, misnamed: InsideServer, metadata: Metadata, method: str
) -> None:
    with Task(home, misnamed.url, metadata.instance()) as task:
        sent: list[Any] = requests_of(task)
        status, message = refusal(lambda: CALLS[method](task))
    assert (status, len(sent)) == (424, 1)
    assert SAYS in message[:SHOWN]
    assert repr(WRONG) in message


def test_who_may_not_ask_is_told_nothing(
    home: Home, misnamed: InsideServer, metadata: Metadata
) -> None:
    with Task(home, misnamed.url, metadata.instance()) as task:
        answer = task.http.get(f"{task.path}/key", headers={"Authorization": "Bearer nobody's"})
    assert answer.status_code in {401, 403}
    assert SAYS not in answer.text


@pytest.mark.usefixtures("misnamed")
def test_the_api_server_says_it_once_at_its_start(lines: list[str]) -> None:
    (told,) = [line for line in lines if "backend" in line]
    assert told.startswith(f"{SAYS}, or a class that is there, in place of {WRONG!r}")


def test_the_health_check_says_it_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(BACKEND, WRONG)
    (told,) = named("backend")
    assert told.verdict == "failure"
    assert told.found.startswith("[state_store] backend is wrong (ImportError: ")
    assert told.remedy.startswith("Write redis_state.RedisStateBackend")


def test_the_health_check_tells_whose_backend_is_configured(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv(BACKEND, state_store.OURS)
    monkeypatch.setenv("AIRFLOW__STATE_STORE__DEFAULT_RETENTION_DAYS", "1")
    assert [each.verdict for each in named("backend", "retention")] == ["ok", "ok"]
    monkeypatch.setenv("AIRFLOW__CORE__DEFAULT_TASK_RETRY_DELAY", "90000")
    assert [each.verdict for each in named("backend", "retention")] == ["ok", "warning"]
    monkeypatch.setenv(BACKEND, "airflow.state.metastore.MetastoreBackend")
    assert [each.verdict for each in named("backend", "retention")] == ["warning"]


def named(*names: str) -> list[Finding]:
    backend = RedisStateBackend(url="redis://127.0.0.1:1", budget=0.1)
    findings = [each for each in backend.health().findings if each.name in names]
    backend.close()
    return findings
