"""The command `sweep`: what it shows, asks and ends with; once as a process of this Airflow."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from examples.dags.sweep_state import sweep_state
from redis_state import AssetScope, RedisStateBackend, TaskScope
from redis_state.airflow.owners import Database
from redis_state.cli import main
from redis_state.cli.exits import DONE, INTERRUPTED, UNREACHABLE, WRONG_USE
from tests import matrix
from tests.support.commands import ERASED, in_a_process, in_a_terminal
from tests.support.shown import compare
from tests.with_airflow.operations.sweeps import World, ago
from tests.with_airflow.operations.tables import Tables
from tests.with_airflow.server.airflow_home import Home

GONE = TaskScope("no-such-dag", "run", "task")
NO_GRACE = ("--grace", "0s")


@pytest.fixture(params=[matrix.FIELD_FORM])
def server_name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def world(
    backend: RedisStateBackend, tables: Tables, monkeypatch: pytest.MonkeyPatch
) -> Iterator[World]:
    monkeypatch.setenv("AIRFLOW__REDIS_STATE__URL", backend.settings.url.get_secret_value())
    monkeypatch.setenv("AIRFLOW__REDIS_STATE__NAMESPACE", backend.settings.namespace)
    monkeypatch.setenv("AIRFLOW__STATE_STORE__BACKEND", "redis_state.RedisStateBackend")
    made = World(backend, tables.metadata)
    made.set(GONE)
    made.set(GONE, "another")
    yield made
    made.close()


@pytest.fixture
def sweep(world: World, capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str, str]]:
    def call(*arguments: str) -> tuple[int, str, str]:
        capsys.readouterr()
        code = main(["sweep", *arguments])
        return code, *capsys.readouterr()

    return call


Call = Callable[..., tuple[int, str, str]]


def test_a_dry_run_tells_what_would_go_and_why(sweep: Call, world: World) -> None:
    code, out, err = sweep(*NO_GRACE, "--dry-run", "-o", "json")
    assert code == DONE
    first, *others = json.loads(out)
    assert (first["reason"], first["values"], first["bytes"]) == ("deleted_run", 2, 14)
    assert [each["task_id"] for each in first["examples"]] == ["task"]
    assert [(each["reason"], each["values"]) for each in others] == [
        ("earlier_run", 0),
        ("deleted_asset", 0),
        ("no_reference", 0),
    ]
    assert err.splitlines()[-1] == "redis-state: would delete 2 of 2 values (14 B)."
    assert world.has(GONE)


@pytest.mark.parametrize("columns", [80, 200])
def test_what_it_shows_is_in_the_documentation(
    world: World, home: Home, monkeypatch: pytest.MonkeyPatch, columns: int
) -> None:
    # The database knows each name once; both are as long.
    dag_id = world.metadata.dag({80: "etl", 200: "elt"}[columns])
    deleted, earlier, present = (
        world.task(dag_id, f"scheduled__2026-11-{day}T00:00:00+00:00") for day in (26, 27, 28)
    )
    with ago(monkeypatch, hours=2):
        for scope in (deleted, earlier, present, AssetScope(asset_id=900_000)):
            world.set(scope, "job_id", '"application_1764374400_0042"')
        world.set(deleted, "attempt", "2")
        world.keep(present)
    world.delete_run(deleted)
    world.create_again(earlier)
    for name, value in (home.options | {"AIRFLOW_HOME": str(home.folder)}).items():
        monkeypatch.setenv(name, value)
    shown = in_a_terminal("sweep", "--dry-run", columns=columns)
    compare(f"sweep-{columns}", shown.out.rpartition(ERASED)[2].replace(dag_id, "etl"))
    assert shown.code == DONE
    piped = in_a_process("sweep", "--dry-run", "-o", "json")
    compare("sweep-json", piped.out.replace(dag_id, "etl"))
    confirmed = in_a_terminal("sweep", columns=columns, typed="y\n", after="[y/N]")
    *drawn, told = confirmed.out.split(ERASED)
    (asked,) = (each for each in drawn if "[y/N]" in each)
    text = f"{asked}{told}".replace("\r", "").replace(dag_id, "etl")
    compare(f"sweep-confirmed-{columns}", text.replace(world.backend.settings.namespace, "airflow"))


def test_it_asks_before_it_deletes(sweep: Call, world: World) -> None:
    code, _, err = sweep(*NO_GRACE)
    assert code == WRONG_USE
    namespace = world.backend.settings.namespace
    assert f"Delete 2 values (14 B) without an owner in the namespace {namespace}?" in err
    assert world.has(GONE)


def test_it_deletes_and_tells_how_much(sweep: Call, world: World) -> None:
    code, out, err = sweep(*NO_GRACE, "--yes")
    assert code == DONE
    assert "its run was deleted" in out
    assert "no-such-dag/run/task" in out
    assert err.splitlines()[-1] == "redis-state: deleted 2 of 2 values (14 B)."
    assert not world.has(GONE)
    code, _, err = sweep(*NO_GRACE)
    assert code == DONE
    assert err.splitlines()[-1] == "redis-state: deleted 0 of 0 values (0 B)."


def test_what_is_young_is_told(sweep: Call, world: World) -> None:
    code, _, err = sweep("--yes")
    assert code == DONE
    assert err.endswith("deleted 0 of 2 values (0 B); 2 are too young to be looked at.\n")
    assert world.has(GONE)


@pytest.mark.parametrize(
    "wrong", [("--limit", "0"), ("--batch-size", "0"), ("--grace", "soon"), ("--grace", "-1h")]
)
def test_wrong_options_are_told(sweep: Call, wrong: tuple[str, str]) -> None:
    assert sweep(f"{wrong[0]}={wrong[1]}", "--yes")[0] == WRONG_USE


def test_a_database_that_is_away_is_exit_code_3(
    sweep: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("airflow.settings.NonScopedSession", None)
    code, _, err = sweep(*NO_GRACE, "--yes")
    assert code == UNREACHABLE
    assert "The metadata database cannot be used" in err


def test_ctrl_c_tells_what_was_done(
    sweep: Call, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What comes after the second batch is left, and goes the next time."""
    for number in range(50):
        world.set(AssetScope(asset_id=900_000 + number))
    ask, asked = Database.active_assets, iter(range(2))

    def stop(database: Database, wanted: set[int]) -> set[int]:
        if wanted and next(asked, None) is None:
            raise KeyboardInterrupt
        return ask(database, wanted)

    monkeypatch.setattr(Database, "active_assets", stop)
    code, _, err = sweep(*NO_GRACE, "--yes", "--batch-size", "1")
    assert code == INTERRUPTED
    assert "it was stopped, and goes on when it is run again" in err
    monkeypatch.undo()


def test_the_dag_to_copy_runs_it_as_a_process(
    world: World,
    tables: Tables,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    """In a task, Airflow's variables name no database."""
    url = tables.metadata.engine.url.render_as_string(hide_password=False)
    present = world.task()
    with ago(monkeypatch, hours=2):
        world.set(present)
        world.set(GONE)
    monkeypatch.setenv("AIRFLOW_HOME", str(tmp_path))
    monkeypatch.setenv("AIRFLOW__DATABASE__SQL_ALCHEMY_CONN", "airflow-db-not-allowed:///")
    monkeypatch.setenv("METADATA_DATABASE", url)
    sweep_state().get_task("sweep").python_callable()
    assert "deleted 1 of 3 values" in capfd.readouterr().err
    assert world.has(present)
    assert not world.has(GONE)
    assert world.has(GONE, "another")
