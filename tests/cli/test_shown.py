"""What the commands show stands in the documentation: at 80 and 200 columns, and in a pipe."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography.fernet import Fernet

from redis_state import RedisStateBackend, TaskScope
from redis_state.cli.exits import DONE
from tests.cli.conftest import ORDERS, RUN, SUBMIT
from tests.support.commands import ERASED, in_a_process, in_a_terminal
from tests.support.shown import compare
from tests.support.waiting import PATIENT
from tests.support.watching import watching

OF_SUBMIT = ("--dag-id", "etl", "--run-id", RUN, "--task-id", "submit")
COMMANDS = {
    "ls": ("ls", "--dag-id", "etl"),
    "get": ("get", *OF_SUBMIT),
    "clear": ("clear", *OF_SUBMIT, "--dry-run"),
    "delete": ("delete", "job_id", *OF_SUBMIT, "--dry-run"),
    "stats": ("stats", "--top", "3"),
    "migrate": (
        *("migrate", "--from", "redis", "--to", "redis", "--to-namespace", "other"),
        "--dry-run",
    ),
    "export": ("export", "--task-id", "load", "--map-index", "1"),
    "health": ("health",),
}
# Their stderr is their result, or a bar that goes away.
APART = {"stats", "migrate", "export", "import"}
FERNET_KEYS = [Fernet.generate_key().decode() for _ in range(2)]


@pytest.fixture(autouse=True)
def _filled(state: RedisStateBackend) -> None:
    now = datetime.now(UTC) + timedelta(minutes=30)
    ends = now + timedelta(days=29)
    state.set(SUBMIT, "job_id", '"application_1764374400_0042"', expires_at=ends)
    state.set(SUBMIT, "attempt", "2", expires_at=now + timedelta(days=2))
    for index in range(3):
        scope = TaskScope("etl", RUN, "load", index)
        state.set(scope, "offset", f'{{"row": {index * 1_000}}}', expires_at=ends)
    state.set(TaskScope("report", "manual__2026-11-28", "send"), "sent", '"' + "x" * 3_000 + '"')
    state.set(ORDERS, "watermark", '"2026-11-28T23:00:00+00:00"')


@pytest.mark.parametrize("columns", [80, 200])
@pytest.mark.parametrize("name", COMMANDS)
def test_in_a_terminal(name: str, columns: int) -> None:
    shown = in_a_terminal(*COMMANDS[name], columns=columns, apart=name in APART)
    compare(f"{name}-{columns}", shown.out)


@pytest.mark.parametrize("columns", [80, 200])
def test_import_in_a_terminal(state: RedisStateBackend, tmp_path: Path, columns: int) -> None:
    path = str(tmp_path / "state.jsonl")
    in_a_process("export", "--file", path)
    state.delete(SUBMIT, "attempt")
    state.set(SUBMIT, "job_id", '"application_1764374400_0043"')
    shown = in_a_terminal("import", path, "--dry-run", columns=columns, apart=True)
    compare(f"import-{columns}", shown.out)
    compare("import-json", in_a_process("import", path, "--dry-run", "-o", "json").out)


@pytest.mark.parametrize("columns", [80, 200])
def test_set_and_update_show_nothing_and_get_shows_the_value(columns: int) -> None:
    for command, key, value, *options in (
        ("set", "note", '"resume from page 3"', "--retention", "2d"),
        ("update", "attempt", "3"),
    ):
        written = in_a_terminal(command, key, value, *OF_SUBMIT, *options, columns=columns)
        assert (written.code, written.out) == (DONE, "")
        compare(f"{command}-{columns}", in_a_terminal("get", *OF_SUBMIT, columns=columns).out)


@pytest.fixture
def _a_newer_key(state: RedisStateBackend, monkeypatch: pytest.MonkeyPatch) -> None:
    options = {"encryption": "own", "encryption_keys": FERNET_KEYS[0]}
    newest = RedisStateBackend(
        url=state.settings.url, namespace=state.settings.namespace, **options, **PATIENT
    )
    newest.set(ORDERS, "watermark", '"2026-11-29T23:00:00+00:00"')
    newest.close()
    monkeypatch.setenv("REDIS_STATE_ENCRYPTION", "own")
    monkeypatch.setenv("REDIS_STATE_ENCRYPTION_KEYS", ",".join(FERNET_KEYS))


@pytest.mark.usefixtures("_a_newer_key")
@pytest.mark.parametrize("columns", [80, 200])
def test_rotate_in_a_terminal(columns: int) -> None:
    compare(f"rotate-{columns}", in_a_terminal("rotate", columns=columns, apart=True).out)


@pytest.mark.usefixtures("_a_newer_key")
def test_rotate_in_a_pipe() -> None:
    compare("rotate-json", in_a_process("rotate", "-o", "json").out)


@pytest.mark.parametrize("columns", [80, 200])
def test_bench_in_a_terminal(columns: int) -> None:
    shown = in_a_terminal(
        *("bench", "--seconds", "0.2"), columns=columns, apart=True, program="tests.cli.short_bench"
    )
    compare(f"bench-{columns}", shown.out)


@pytest.mark.parametrize("output", ["json", "plain"])
def test_bench_in_a_pipe(output: str) -> None:
    shown = in_a_process("bench", "--seconds", "0.2", "-o", output, program="tests.cli.short_bench")
    compare(f"bench-{output}", shown.out)


@pytest.mark.parametrize("columns", [80, 200])
def test_the_last_picture_of_watch(columns: int) -> None:
    shown = in_a_terminal(
        "watch", *OF_SUBMIT, columns=columns, after="0042", interrupt=True, apart=True
    )
    compare(f"watch-{columns}", shown.out.rpartition(ERASED)[2])


def test_watch_in_a_pipe(state: RedisStateBackend) -> None:
    with watching(*OF_SUBMIT) as watch:
        lines = [watch.line(), watch.line()]
        state.set(SUBMIT, "attempt", "3")
        state.delete(SUBMIT, "job_id")
        lines += [watch.line(), watch.line()]
    compare("watch-jsonl", "".join(lines))


@pytest.mark.parametrize("output", ["table", "json", "plain"])
@pytest.mark.parametrize("name", ["ls", "get", "stats", "health"])
def test_in_a_pipe(name: str, output: str) -> None:
    compare(f"{name}-{output}", in_a_process(*COMMANDS[name], "-o", output).out)


@pytest.mark.parametrize("output", ["table", "json"])
def test_migrate_in_a_pipe(output: str) -> None:
    compare(f"migrate-{output}", in_a_process(*COMMANDS["migrate"], "-o", output).out)


def test_help() -> None:
    compare("help", in_a_terminal("--help", columns=80).out)
