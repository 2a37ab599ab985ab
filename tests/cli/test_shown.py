"""What the commands show stands in the documentation: at 80 and 200 columns, and in a pipe.

With REDIS_STATE_TEST_WRITES=true it is written there, to be looked at and committed.
"""

from __future__ import annotations

import os
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from redis_state import RedisStateBackend, TaskScope
from tests.cli.conftest import ORDERS, RUN, SUBMIT, in_a_process, in_a_terminal

SHOWN = Path(__file__).parents[2] / "docs/assets/commands"
WRITES = os.environ.get("REDIS_STATE_TEST_WRITES") == "true"
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
MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3,6}Z")
CHANGING = {
    r"cli-[0-9a-f]{12}": "airflow",
    r"127\.0\.0\.1:\d+": "redis.example:6379",
    r"\d+\.\d\d ms": "0.21 ms",
    r"[\d.]+ MiB of [\d.]+ GiB used \(\d+%": "1.5 MiB of 15.6 GiB used (0%",
    r"[\d.]+ ms (ahead of|behind) ours": "0.21 ms ahead of ours",
    r" +$": "",
    r'(_at": )\d{16}': r"\g<1>1795914123456000",
}
# It depends on the allocator of the server.
MEMORY = re.compile(
    r"^(\S+(?: \S+)? +\d+ +[\d.]+ k?B +)([\d.]+ k?B)"
    r"|((?:\t[^\t\n]+){2}\t\d+\t)(\d+)(?=\t)"
    r"|(\"memory\": )(\d+)",
    re.MULTILINE,
)


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


def normalised(text: str) -> str:
    for pattern, stands in CHANGING.items():
        text = re.sub(pattern, stands, text, flags=re.MULTILINE)
    return MOMENT.sub("2026-11-29T01:02:03.456000Z", text)


def _as_long(found: re.Match[str]) -> str:
    before, size = (each for each in found.groups() if each is not None)
    return before + ("1.0 kB".rjust(len(size)) if "B" in size else "1024")


def compare(name: str, text: str) -> None:
    path = SHOWN / f"{name}.txt"
    if name.startswith("stats"):
        text = MEMORY.sub(_as_long, text)
    if WRITES:
        path.write_text(normalised(text), encoding="utf-8")
    assert normalised(text) == path.read_text(encoding="utf-8")


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


@pytest.mark.parametrize("output", ["table", "json", "plain"])
@pytest.mark.parametrize("name", ["ls", "get", "stats"])
def test_in_a_pipe(name: str, output: str) -> None:
    compare(f"{name}-{output}", in_a_process(*COMMANDS[name], "-o", output).out)


def test_help() -> None:
    compare("help", in_a_terminal("--help", columns=80).out)
