"""The shell commands of the documentation run as they stand, or are listed with the reason."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from redis_state import RedisStateBackend, TaskScope
from tests import matrix
from tests.support.servers import server

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
BLOCK = re.compile(r"^( *)```(?:bash|sh|shell|console)\n(.*?)^\1```$", re.MULTILINE | re.DOTALL)
RUN = ("redis-state ", "redis-cli ", "jq ", "echo ", "export ", "python -c ")
# Not on a machine that has Python and make alone: a lane has them.
OF_THE_LANE = re.compile(r"\b(jq|redis-cli) ")

_GUIDES = "needs an Airflow: tests/with_airflow/operations/test_guides.py runs it"
_AIRFLOW = "is Airflow's own"
_ITSELF = "is a suite or a benchmark of its own"
_INDEX = "installs something"
NOT_RUN = {
    "make ": _ITSELF,
    ".venv-airflow/bin/python -m ": _ITSELF,
    ".venv/bin/python -m ": _ITSELF,
    "PYTHONPATH=.venv-postgresql .venv-airflow/bin/python -m ": _ITSELF,
    "python3 -m venv ": _INDEX,
    "python3 -m pip ": _INDEX,
    "pip install ": _INDEX,
    ".venv/bin/pip ": _INDEX,
    ".venv/bin/python": "waits for somebody to type",
    'eval "$(register-python-argcomplete': "tests/cli/test_completion.py runs it in each shell",
    "autoload ": "the same",
    "register-python-argcomplete ": "the same",
    "export AIRFLOW": "configures an Airflow",
    "airflow providers list": _GUIDES,
    "airflow config ": _GUIDES,
    "airflow dags pause ": _AIRFLOW,
    "airflow db clean ": _AIRFLOW,
    "redis-state sweep": _GUIDES,
    "redis-state migrate --from metastore": _GUIDES,
    "redis-state migrate --from redis --to metastore": _GUIDES,
    "redis-state migrate --from redis --to rediss:": "needs a second server, with TLS",
    "redis-state health --url rediss:": "needs a server with TLS, at that address",
    "export REDIS_STATE_PASSWORD=": "is for the command below it, which needs TLS",
    "export REDIS_STATE_TO_PASSWORD=": "is for the command below it, which needs TLS",
}


def blocks_of(page: Path) -> list[str]:
    return [found[2] for found in BLOCK.finditer(page.read_text(encoding="utf-8"))]


def lines_of(block: str) -> list[str]:
    return [line.strip() for line in block.splitlines() if line.strip()]


def is_listed(line: str) -> bool:
    return line.startswith(tuple(NOT_RUN))


def runnable(page: Path, *, in_the_lane: bool) -> str:
    """Return the commands of a page that run here, those of the lane among them or not."""
    blocks = [
        "\n".join(line for line in lines_of(block) if not is_listed(line))
        for block in blocks_of(page)
        if in_the_lane or not OF_THE_LANE.search(block)
    ]
    return "\n".join(filter(None, blocks))


WAYS = [
    *(
        pytest.param(page, False, id=page.name)
        for page in PAGES
        if runnable(page, in_the_lane=False)
    ),
    *(
        pytest.param(page, True, id=f"{page.name}-with-programs-of-debian")
        for page in PAGES
        if matrix.ALL_SERVERS
        and runnable(page, in_the_lane=True) != runnable(page, in_the_lane=False)
    ),
]


@pytest.fixture
def bash(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Give a shell that knows the commands, and stops at the first that fails."""
    programs = tmp_path / "programs"
    programs.mkdir()
    for name, command in (
        ("redis-state", f'{sys.executable} -m redis_state "$@"'),
        ("python", f'{sys.executable} "$@"'),
        ("redis-cli", f'{shutil.which("redis-cli")} -p "$REDIS_PORT" "$@"'),
    ):
        (programs / name).write_text(f"#!/bin/sh\nexec {command}\n", encoding="utf-8")
        (programs / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}{os.pathsep}{os.environ['PATH']}")
    return ["bash", "--norc", "-euo", "pipefail", "-c"]


@pytest.mark.parametrize(("page", "in_the_lane"), WAYS)
def test_the_commands_of_a_page_run(
    page: Path, in_the_lane: bool, tmp_path: Path, bash: list[str]
) -> None:
    # A process finds its server in the environment; the documentation's own is nowhere.
    with server("valkey91", "--appendonly", "yes") as running:
        state = RedisStateBackend(url=running.tcp_url)
        scope = TaskScope("etl", "scheduled__2026-11-29T00:00:00+00:00", "submit")
        state.set(scope, "job_id", '"application_1764374400_0042"')
        state.close()
        port = str(urlsplit(running.tcp_url).port)
        commands = runnable(page, in_the_lane=in_the_lane).replace("redis.example", "127.0.0.1")
        ran = subprocess.run(
            [*bash, commands],
            cwd=tmp_path,
            env=os.environ | {"REDIS_STATE_URL": running.tcp_url, "REDIS_PORT": port},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        running.kill()
    assert ran.returncode == 0, ran.stdout + ran.stderr


def test_each_command_is_run_or_listed() -> None:
    lines = [line for page in PAGES for block in blocks_of(page) for line in lines_of(block)]
    assert [line for line in lines if not is_listed(line) and not line.startswith(RUN)] == []
    assert [each for each in NOT_RUN if not any(line.startswith(each) for line in lines)] == []
