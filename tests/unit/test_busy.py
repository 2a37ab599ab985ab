"""The load of a slow lane ends with what it is for, whatever ends that."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.busy import busy_cores

ROOT = Path(__file__).parents[2]
BURN = """
from tests.support.busy import busy_cores
with busy_cores() as burners:
    print(*burners, flush=True)
    input()
"""


def runs(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def fail_under_load(pids: list[int]) -> None:
    with busy_cores() as burners:
        pids.extend(burners)
        assert all(map(runs, pids))
        raise LookupError


def test_burners_end_with_an_error_in_the_block() -> None:
    pids: list[int] = []
    with pytest.raises(LookupError):
        fail_under_load(pids)
    assert len(pids) > (os.cpu_count() or 1)
    assert not any(map(runs, pids))


@pytest.mark.timeout(60)
def test_burners_end_when_who_started_them_is_killed() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", BURN],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as parent:
        assert parent.stdout is not None
        assert all(runs(int(pid)) for pid in parent.stdout.readline().split())
        parent.send_signal(signal.SIGKILL)
        # They have it open, too: it ends when the last of them has.
        assert parent.stdout.read() == ""


def kill_one_under_load() -> None:
    with busy_cores() as burners:
        os.kill(burners[0], signal.SIGKILL)
        os.waitid(os.P_PID, burners[0], os.WEXITED | os.WNOWAIT)


def test_a_load_that_ended_too_early_is_told() -> None:
    with pytest.raises(ChildProcessError, match="less load"):
        kill_one_under_load()
