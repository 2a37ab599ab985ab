"""A server with some state, and the command as people and programs call it."""

from __future__ import annotations

import os
import pty
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol
from uuid import uuid4

import pytest

from redis_state import AssetScope, RedisStateBackend, TaskScope
from redis_state.cli import main
from redis_state.testing import EmbeddedServer
from tests.support.leaks import check_leaks
from tests.support.servers import raw_client, server
from tests.support.waiting import PATIENT, wait_until

RUN = "scheduled__2026-11-29T00:00:00+00:00"
SUBMIT = TaskScope("etl", RUN, "submit")
ORDERS = AssetScope(asset_id=7)


# Bold, and the like.
_STYLE = re.compile(r"\x1b\[[0-9;]*m")


@dataclass(frozen=True)
class Ended:
    """How a command ended."""

    code: int
    out: str
    err: str


class Call(Protocol):
    """Calls the command in this process."""

    def __call__(self, *arguments: str) -> Ended: ...


@pytest.fixture(scope="session")
def running() -> Iterator[EmbeddedServer]:
    with server("valkey91", "--appendonly", "yes") as running:
        yield running
        # It would take its time to save.
        running.kill()


@pytest.fixture
def state(running: EmbeddedServer, monkeypatch: pytest.MonkeyPatch) -> Iterator[RedisStateBackend]:
    """Give a namespace of the test's own, which the command finds in the environment."""
    namespace = f"cli-{uuid4().hex[:12]}"
    monkeypatch.setenv("REDIS_STATE_URL", running.tcp_url)
    monkeypatch.setenv("REDIS_STATE_NAMESPACE", namespace)
    backend = RedisStateBackend(url=running.tcp_url, namespace=namespace, **PATIENT)
    yield backend
    backend.close()
    with raw_client(running) as raw:
        check_leaks(raw, namespace, field_form=True)


@pytest.fixture
def call(state: RedisStateBackend, capsys: pytest.CaptureFixture[str]) -> Call:
    def call(*arguments: str) -> Ended:
        capsys.readouterr()
        try:
            code = main(arguments)
        except SystemExit as ended:
            code = int(ended.code or 0)
        return Ended(code, *capsys.readouterr())

    return call


def in_a_process(*arguments: str, stdin: str | None = None) -> Ended:
    """Call the command as a process with pipes."""
    ran = subprocess.run(
        [sys.executable, "-m", "redis_state", *arguments],
        input=stdin,
        capture_output=True,
        text=True,
        check=False,
    )
    return Ended(ran.returncode, ran.stdout, ran.stderr)


def in_a_terminal(
    *arguments: str,
    columns: int,
    typed: str = "",
    after: str = "",
    interrupt: bool = False,
    apart: bool = False,
) -> Ended:
    """Call the command in a terminal of its own; once it shows ``after``, type or interrupt.

    ``apart``: stderr goes elsewhere.
    """
    outer, inner = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "redis_state", *arguments],
        stdin=inner,
        stdout=inner,
        stderr=subprocess.DEVNULL if apart else inner,
        env=os.environ | {"COLUMNS": str(columns), "TERM": "xterm-256color"},
    )
    os.close(inner)
    shown, is_waiting = b"", True
    # Linux tells the end of a terminal as an error.
    while chunk := _read(outer):
        shown += chunk
        if is_waiting and after and after.encode() in shown:
            is_waiting = False
            os.write(outer, typed.encode())
            if interrupt:
                wait_until(lambda: _sleeps(process.pid), "the command waits for somebody")
                process.send_signal(signal.SIGINT)
    os.close(outer)
    text = _STYLE.sub("", shown.decode().replace("\r\n", "\n"))
    return Ended(process.wait(), text, "")


def _sleeps(pid: int) -> bool:
    """Tell whether no thread of a process has anything to do."""
    stats = [task.read_text() for task in Path(f"/proc/{pid}/task").glob("*/stat")]
    return all(stat.rpartition(")")[2].split()[0] == "S" for stat in stats)


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 65_536)
    except OSError:
        return b""
