"""The commands beside a real Airflow: as `airflow redis-state ...`, and with its metadata."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from importlib import import_module
from pathlib import Path

import pytest
from airflow.models import TaskInstance
from airflow.utils.state import TaskInstanceState
from sqlalchemy import update

from redis_state import AssetScope, RedisStateBackend, TaskScope
from redis_state.cli import main
from redis_state.cli.catalog import COMMANDS
from redis_state.cli.exits import DONE, NOTHING_FOUND
from redis_state.testing import EmbeddedServer
from tests.matrix import FIELD_FORM
from tests.with_airflow.operations.tables import Tables

AIRFLOW = Path(sys.executable).parent / "airflow"


@pytest.fixture
def server_name() -> str:
    return FIELD_FORM


@pytest.fixture
def state(
    backend: RedisStateBackend, server: EmbeddedServer, monkeypatch: pytest.MonkeyPatch
) -> Iterator[RedisStateBackend]:
    monkeypatch.setenv("REDIS_STATE_URL", server.url)
    monkeypatch.setenv("REDIS_STATE_NAMESPACE", backend.settings.namespace)
    return backend


@pytest.fixture
def task(tables: Tables) -> TaskScope:
    return tables.metadata.instance().scope


def names(scope: TaskScope) -> tuple[str, ...]:
    return ("--dag-id", scope.dag_id, "--run-id", scope.run_id, "--task-id", scope.task_id)


def airflow(*arguments: str, home: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [AIRFLOW, "redis-state", *arguments],
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | {"AIRFLOW_HOME": str(home)},
    )


def test_airflow_has_the_same_commands(state: RedisStateBackend, tmp_path: Path) -> None:
    scope = TaskScope("etl", "run", "submit")
    state.set(scope, "job", '"j-1"')
    shown = airflow("get", "job", *names(scope), home=tmp_path)
    assert (shown.returncode, shown.stdout.splitlines()[-1]) == (DONE, '"j-1"')
    missing = airflow("get", "other", *names(scope), home=tmp_path)
    assert (missing.returncode, "has no 'other'" in missing.stderr) == (NOTHING_FOUND, True)


def test_airflows_parser_takes_what_ours_does(
    state: RedisStateBackend, capsys: pytest.CaptureFixture[str]
) -> None:
    state.set(AssetScope(asset_id=7), "watermark", "5")
    parser = import_module("airflow.cli.cli_parser").get_parser()
    given = parser.parse_args(["redis-state", "get", "watermark", "--asset-id", "7"])
    with pytest.raises(SystemExit) as ended:
        given.func(given)
    assert (ended.value.code, capsys.readouterr().out) == (DONE, "5\n")
    for command in COMMANDS:
        with pytest.raises(SystemExit):
            parser.parse_args(["redis-state", command.name, "--help"])
        shown = capsys.readouterr().out
        for option in command.options:
            assert max(option.flags, key=len) in shown


def test_airflow_learns_of_the_commands_without_their_code() -> None:
    code = (
        "import sys; import airflow.cli.cli_parser as parser;"
        "assert 'redis-state' in parser.ALL_COMMANDS_DICT;"
        "names = ('cli.commands.', 'cli.context', 'client', 'backends', 'admin', 'operations');"
        "print([each for each in sys.modules if each.startswith("
        "tuple('redis_state.' + name for name in names))])"
    )
    told = subprocess.check_output([sys.executable, "-c", code], text=True)
    assert told.splitlines()[-1] == "[]"


def test_a_value_is_set_for_the_present_run(
    state: RedisStateBackend, tables: Tables, task: TaskScope
) -> None:
    assert main(["set", "job", '"j-1"', *names(task), "--never-expire"]) == DONE
    with tables.metadata.session() as session:
        assert state.get(task, "job", session=session) == '"j-1"'
    tables.metadata.delete_run(task.dag_id, task.run_id)
    tables.metadata.run(task.dag_id, task.run_id)
    with tables.metadata.session() as session:
        assert state.get(task, "job", session=session) is None


@pytest.mark.usefixtures("tables")
def test_without_an_expiry_a_value_is_kept_as_if_its_task_had_set_it(
    state: RedisStateBackend, task: TaskScope
) -> None:
    assert main(["set", "job", "1", *names(task)]) == DONE
    entry = state.entries(task)["job"]
    assert entry.expires_at is not None
    # [state_store] default_retention_days
    assert abs(entry.expires_at - datetime.now(UTC) - timedelta(days=30)) < timedelta(minutes=5)


def test_a_watch_ends_with_its_task(
    state: RedisStateBackend,
    tables: Tables,
    task: TaskScope,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("redis_state.cli.commands.watch._SECONDS_TO_ASK", 0.05)
    state.set(task, "job", '"j-1"')
    with tables.metadata.session() as session:
        ended = update(TaskInstance).where(TaskInstance.dag_id == task.dag_id)
        session.execute(ended.values(state=TaskInstanceState.FAILED))
    assert main(["watch", *names(task), "-o", "jsonl", "--interval", "0.05"]) == DONE
    first, *_, last = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert (first["key"], first["value"]) == ("job", "j-1")
    assert last == {"change": "ended", "state": "failed"}
