"""What an operator reads when the state store is set up wrongly, and that no password is in it."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor

import pytest
from airflow import state
from airflow.exceptions import AirflowConfigException

from tests.with_airflow.server.airflow_home import Home

BACKEND = "AIRFLOW__STATE_STORE__BACKEND"
URL = "AIRFLOW__REDIS_STATE__URL"
PASSWORD = "hunter2-of-production"
NOBODY = f"redis://airflow:{PASSWORD}@127.0.0.1:1/0"

COMMANDS: dict[str, dict[str, str]] = {
    "Redis is away": {URL: NOBODY, "AIRFLOW__REDIS_STATE__TTL": "60"},
    "wrong options": {
        URL: f"http://airflow:{PASSWORD}@redis",
        "AIRFLOW__REDIS_STATE__TIMEOUT": "soon",
        "AIRFLOW__REDIS_STATE__NAMESPACE": "a namespace",
    },
}

Outcome = tuple[int, str]


@pytest.fixture(scope="module")
def cleaning(home: Home) -> Iterator[dict[str, Future[Outcome]]]:
    """Run `airflow state-store clean` in each of the configurations, some at a time."""
    with ThreadPoolExecutor(2) as threads:
        yield {
            name: threads.submit(home.run, "airflow", "state-store", "clean", **options)
            for name, options in COMMANDS.items()
        }


def test_the_clean_command_runs_though_redis_is_away(
    cleaning: dict[str, Future[Outcome]],
) -> None:
    status, printed = cleaning["Redis is away"].result()
    assert status == 0
    assert "RedisStateBackend" in printed
    assert PASSWORD not in printed


def test_an_option_that_does_not_exist_is_warned_of(cleaning: dict[str, Future[Outcome]]) -> None:
    _, printed = cleaning["Redis is away"].result()
    assert "[redis_state] ttl is no option of redis-state and has no effect" in printed


def test_a_process_says_at_its_start_where_state_is_kept(
    cleaning: dict[str, Future[Outcome]],
) -> None:
    _, printed = cleaning["Redis is away"].result()
    assert "server side: state is kept on 127.0.0.1:1/0, namespace 'airflow'" in printed
    assert printed.count("state is kept on") == 1


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("redis_state.NoSuchBackend", 'Current value: "redis_state.NoSuchBackend"'),
        ("no_such_module.Backend", 'Current value: "no_such_module.Backend"'),
        ("redis_state.Settings", "`Settings` is not a subclass of `BaseStoreBackend`"),
        ("", "state_store.backend is not configured"),
    ],
)
def test_a_path_to_no_backend_is_told_by_what_stands_there(
    monkeypatch: pytest.MonkeyPatch, path: str, message: str
) -> None:
    monkeypatch.setattr(state, "_backend_instance", None)
    monkeypatch.setenv(BACKEND, path)
    monkeypatch.setenv(URL, NOBODY)
    with pytest.raises((AirflowConfigException, TypeError, ValueError), match=message) as raised:
        state.get_state_backend()
    assert PASSWORD not in str(raised.value)


def test_wrong_options_are_told_together_and_as_they_stand_in_airflow_cfg(
    cleaning: dict[str, Future[Outcome]],
) -> None:
    status, printed = cleaning["wrong options"].result()
    assert status != 0
    assert "[redis_state] url is wrong: it begins with none of redis, rediss, " in printed
    assert "[redis_state] timeout is wrong" in printed
    assert "[redis_state] namespace is wrong: use letters, digits" in printed
    assert PASSWORD not in printed
