"""The line in the log with which each side begins."""

from __future__ import annotations

from typing import Any

import pytest

from redis_state import RedisStateBackend, RedisWorkerBackend, __version__
from redis_state.backends import start_line

PASSWORD = "s3cr3t-of-the-server"
SIDES = {RedisStateBackend: "server side", RedisWorkerBackend: "worker side"}
EACH_SIDE = pytest.mark.parametrize("kind", SIDES)


@pytest.fixture(autouse=True)
def as_airflow_starts(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    monkeypatch.setattr(start_line, "_written", set())
    monkeypatch.setenv("REDIS_STATE_URL", f"redis://airflow:{PASSWORD}@redis.example:7000/3")
    monkeypatch.setenv("REDIS_STATE_NAMESPACE", "team-a")
    caplog.set_level("INFO", "redis_state")


@EACH_SIDE
def test_it_says_which_release_keeps_state_where(
    kind: Any, caplog: pytest.LogCaptureFixture
) -> None:
    kind().close()
    (line,) = caplog.messages
    assert line.startswith(f"redis-state {__version__}, {SIDES[kind]}: ")
    assert "on redis.example:7000/3, namespace 'team-a'" in line
    assert ("bridge to Airflow's UI and REST API is off here" in line) is (
        kind is RedisStateBackend
    )
    assert PASSWORD not in caplog.text


def test_each_side_writes_it_once(caplog: pytest.LogCaptureFixture) -> None:
    for kind in [*SIDES, *SIDES]:
        kind().close()
    assert len(caplog.messages) == len(SIDES)


@EACH_SIDE
def test_a_program_with_a_backend_of_its_own_gets_none(
    kind: Any, caplog: pytest.LogCaptureFixture
) -> None:
    kind(namespace="mine").close()
    assert not caplog.messages


def test_the_plug_in_has_its_own(caplog: pytest.LogCaptureFixture) -> None:
    start_line.leave_to_plugin()
    RedisStateBackend().close()
    assert not caplog.messages
