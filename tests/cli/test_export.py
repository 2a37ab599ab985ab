"""`redis-state export` and `redis-state import`: a backup, and back again."""

from __future__ import annotations

import json
import random
import signal
import stat
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any

import anyio
import pytest
import redis

from redis_state import RedisStateBackend, TaskScope
from redis_state.cli.exits import (
    CLOSED_PIPE,
    DONE,
    FAILED,
    INTERRUPTED,
    NOTHING_FOUND,
    UNREACHABLE,
    WRONG_USE,
)
from redis_state.client._async.client import AsyncClient
from redis_state.errors import UnavailableError
from redis_state.operations.operation import Together
from redis_state.testing import EmbeddedServer
from tests.cli.conftest import ORDERS, RUN, SUBMIT, Call
from tests.matrix import KILLS
from tests.support.both_sides import contents
from tests.support.commands import in_a_process, in_a_terminal
from tests.support.servers import raw_client
from tests.support.waiting import wait_for

COMMAND = [sys.executable, "-m", "redis_state"]
# It has written some values, and not all.
DYING = [
    *(sys.executable, "-c"),
    """
import os, signal, sys
from redis_state.admin.archive.exporting import Export
from redis_state.cli import main

write = Export._write_pile

async def write_and_die(export, pile):
    await write(export, pile)
    os.kill(os.getpid(), signal.SIGKILL)

Export._write_pile = write_and_die
main(sys.argv[1:])
""",
]


@pytest.fixture
def raw(running: EmbeddedServer) -> Iterator[redis.Redis]:
    with raw_client(running) as client:
        yield client


@pytest.fixture
def backup(state: RedisStateBackend, call: Call, tmp_path: Path) -> Path:
    """Give a file with 1,000 values."""
    for number in range(200):
        scope = TaskScope("dag", RUN, f"task {number}")
        state.set_many(scope, {str(key): '"value"' for key in range(5)})
    path = tmp_path / "state.jsonl"
    assert call("export", "--file", str(path)).code == DONE
    return path


def told(call: Call, *arguments: str) -> dict[str, Any]:
    ended = call("import", *arguments, "-o", "json")
    assert ended.code == DONE, ended.err
    return dict(json.loads(ended.out))


def test_a_namespace_is_copied_through_a_pipe(state: RedisStateBackend, raw: redis.Redis) -> None:
    state.set(SUBMIT, "job_id", '"j-1"', expires_at=datetime.now(UTC) + timedelta(days=2))
    state.set(ORDERS, "watermark", '"2026-11-28"')
    namespace = state.settings.namespace
    exported = in_a_process("export")
    assert (exported.code, exported.err) == (DONE, "redis-state: exported 2 values.\n")
    ended = in_a_process("import", "-", "--namespace", f"{namespace}-2", stdin=exported.out)
    assert (ended.code, ended.err) == (DONE, "")
    assert ended.out.splitlines() == [
        "           2  values read",
        "           2  written",
        "Complete: all of the file is there.",
    ]
    assert contents(raw, f"{namespace}-2") == contents(raw, namespace)


def test_what_is_exported_can_be_chosen(state: RedisStateBackend, call: Call) -> None:
    for index in range(3):
        state.set(TaskScope("etl", RUN, "load", index), "key", "1")
    state.set(SUBMIT, "key", "1")
    state.set(ORDERS, "key", "1")
    for arguments, wanted in (
        (("--dag-id", "e*"), 4),
        (("--task-id", "load"), 3),
        (("--map-index", "1"), 1),
        (("--asset-id", "7"), 1),
        ((), 5),
    ):
        lines = call("export", *arguments).out.splitlines()
        assert json.loads(lines[-1]) == {"kind": "end", "values": wanted, "unreadable": 0}
        assert len(lines) == wanted + 2
    ended = call("export", "--dag-id", "nobody's")
    assert (ended.code, len(ended.out.splitlines())) == (NOTHING_FOUND, 2)


def test_a_file_is_there_once_it_is_whole_and_nobody_else_may_read_it(
    call: Call, backup: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert stat.S_IMODE(backup.stat().st_mode) == 0o600
    before = backup.read_bytes()
    monkeypatch.setattr("redis_state.admin.patience.PATIENCE", 0.0)
    monkeypatch.setenv("REDIS_STATE_BUDGET", "0.3")
    ended = call("export", "--file", str(backup), "--url", "redis://127.0.0.1:1")
    assert ended.code == UNREACHABLE
    assert backup.read_bytes() == before
    assert list(backup.parent.iterdir()) == [backup]


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (("export", "--file", "/dev/null"), "/dev/null is no file"),
        (("export", "--file", "/nowhere/state.jsonl"), "/nowhere/state.jsonl: No such file"),
        (("import", "/nowhere/state.jsonl"), "/nowhere/state.jsonl: No such file"),
        (("import", "-", "--retention", "2d", "--ignore-expiry"), "exclude each other"),
        (("import", "-", "--retention", "long"), "is no duration"),
    ],
)
def test_what_makes_no_sense_is_wrong_use(call: Call, arguments: tuple[str, ...], why: str) -> None:
    ended = call(*arguments)
    assert (ended.code, len(ended.err.splitlines())) == (WRONG_USE, 1)
    assert why in ended.err


def test_values_of_tasks_get_another_expiry(
    state: RedisStateBackend, call: Call, tmp_path: Path
) -> None:
    path = str(tmp_path / "state.jsonl")
    state.set(SUBMIT, "key", "1", expires_at=datetime.now(UTC) + timedelta(hours=1))
    call("export", "--file", path)
    state.clear(SUBMIT)
    would = told(call, path, "--dry-run", "--ignore-expiry")
    assert (would["dry_run"], would["written"]) == (True, 1)
    did = told(call, path, "--ignore-expiry")
    assert (did["dry_run"], did["written"]) == (False, 1)
    assert state.entries(SUBMIT)["key"].expires_at is None
    state.clear(SUBMIT)
    told(call, path, "--retention", "2d")
    expires_at = state.entries(SUBMIT)["key"].expires_at
    assert expires_at is not None
    assert timedelta(hours=47) < expires_at - datetime.now(UTC) <= timedelta(days=2)


def test_a_file_that_was_cut_off_is_a_failure_and_what_it_has_is_written(
    state: RedisStateBackend, call: Call, backup: Path
) -> None:
    lines = backup.read_bytes().splitlines(keepends=True)
    backup.write_bytes(b"".join(lines[:101]))
    state.clear(TaskScope("dag", RUN, "task 0"))
    ended = call("import", str(backup), "-o", "json")
    assert ended.code == FAILED
    report = json.loads(ended.out)
    assert (report["complete"], report["read"]) == (False, 100)
    assert "cut off: line 101" in ended.err


def test_an_import_that_was_killed_is_taken_up(
    call: Call, backup: Path, raw: redis.Redis, state: RedisStateBackend
) -> None:
    source, target = state.settings.namespace, f"{state.settings.namespace}-2"
    chosen = random.Random(15)
    for _ in range(max(3, KILLS)):
        moment = chosen.randrange(1, 150)
        before = len(raw.keys(f"{target}:*"))
        command = subprocess.Popen([*COMMAND, "import", str(backup), "--namespace", target])
        wait_for(lambda: len(raw.keys(f"{target}:*")) >= min(before + moment, 200))  # noqa: B023 - it is called here
        command.kill()
        command.wait()
    report = told(call, str(backup), "--namespace", target)
    assert report["written"] + report["there"] == report["read"] == 1_000
    assert contents(raw, target) == contents(raw, source)


def test_an_export_that_was_killed_leaves_the_file_before_it_and_is_whole_when_run_again(
    call: Call, backup: Path
) -> None:
    before = backup.read_bytes()
    new = backup.with_name("new.jsonl")
    for path in (backup, new):
        killed = subprocess.run([*DYING, "export", "--file", str(path)], check=False)
        assert killed.returncode == -signal.SIGKILL
    assert backup.read_bytes() == before
    assert not new.exists()
    assert call("export", "--file", str(new)).code == DONE
    assert sorted(new.read_bytes().splitlines()[1:]) == sorted(before.splitlines()[1:])


@pytest.mark.parametrize("comes_back", [True, False], ids=["comes back", "stays away"])
def test_an_import_outlasts_a_short_absence_and_says_how_to_go_on_after_a_long_one(
    call: Call,
    backup: Path,
    raw: redis.Redis,
    running: EmbeddedServer,
    state: RedisStateBackend,
    monkeypatch: pytest.MonkeyPatch,
    comes_back: bool,
) -> None:
    source, target = state.settings.namespace, f"{state.settings.namespace}-2"
    run, begun, failed = AsyncClient.run, count(), []
    first_answered, killed = anyio.Event(), anyio.Event()

    async def run_and_kill(client: AsyncClient, operation: Any) -> Any:
        if isinstance(operation, Together):
            number = next(begun)
            if number == 0:
                answer = await run(client, operation)
                first_answered.set()
                return answer
            if number == 1:
                await first_answered.wait()
                running.kill()
                killed.set()
            # All others meet a server that is away, however fast it was.
            await killed.wait()
        try:
            return await run(client, operation)
        except UnavailableError:
            failed.append(operation)
            if comes_back and len(failed) == 1:
                running.start()
            raise

    with monkeypatch.context() as patched:
        patched.setattr(AsyncClient, "run", run_and_kill)
        patched.setenv("REDIS_STATE_BUDGET", "0.3")
        if not comes_back:
            patched.setattr("redis_state.admin.patience.PATIENCE", 0.0)
        ended = call("import", str(backup), "--namespace", target, "-o", "json")
    if not comes_back:
        running.start()
    assert failed
    report = json.loads(ended.out)
    if comes_back:
        assert (ended.code, ended.err, report["complete"]) == (DONE, "", True)
    else:
        assert (ended.code, report["complete"]) == (UNREACHABLE, False)
        assert "the same command again goes on from there" in ended.err
        assert 0 < len(contents(raw, target)) < 1_000
        again = told(call, str(backup), "--namespace", target)
        assert again["written"] + again["there"] == 1_000
        assert again["there"]
    assert contents(raw, target) == contents(raw, source)


def test_ctrl_c_tells_how_to_go_on(state: RedisStateBackend) -> None:
    del state
    ended = in_a_terminal("import", "-", columns=80, after="bytes", interrupt=True)
    assert ended.code == INTERRUPTED
    assert "stopped, with 0 values written. What was written stays" in ended.out
    assert "Traceback" not in ended.out


@pytest.mark.usefixtures("backup")
def test_a_pipe_that_is_closed_is_no_error() -> None:
    command = subprocess.Popen([*COMMAND, "export"], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert command.stdout is not None
    assert command.stderr is not None
    assert command.stdout.readline()
    command.stdout.close()
    assert command.stderr.read() == b""
    command.stderr.close()
    assert command.wait() == CLOSED_PIPE


def test_large_values_pass(
    state: RedisStateBackend, raw: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REDIS_STATE_MAX_VALUE_BYTES", "20000002")
    source, target = state.settings.namespace, f"{state.settings.namespace}-2"
    backend = RedisStateBackend(url=state.settings.url.get_secret_value(), namespace=source)
    backend.set(SUBMIT, "key", '"' + "x" * 20_000_000 + '"')
    exported = in_a_process("export").out
    ended = in_a_process("import", "-", "--namespace", target, stdin=exported)
    assert ended.code == DONE, ended.err
    assert contents(raw, target) == contents(raw, source)
    backend.close()
