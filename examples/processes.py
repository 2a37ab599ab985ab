"""Processes that end with the program that started them, however that ends."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO

import psutil

_TAIL = 4_000


class Processes:
    """Named processes, their logs in a folder, and a guard that ends them and removes the folder.

    Each process leads a session of its own. Whatever it starts stays in that session, even what
    moves to another process group, as Airflow's tasks do. The guard is a process, too: when this
    program stops or dies, the pipe between them closes, and the guard kills all the sessions.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._running: dict[str, subprocess.Popen[bytes]] = {}
        self._guard: subprocess.Popen[str] | None = None

    def start(self, name: str, command: Sequence[str], environment: Mapping[str, str]) -> None:
        """Start a process; its output goes to the log of that name."""
        with self.log_path(name).open("ab") as log:
            process = subprocess.Popen(
                command,
                env=environment,
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self._running[name] = process
        orders = self._orders()
        orders.write(f"{process.pid}\n")
        orders.flush()

    def kill(self, name: str) -> None:
        """End a process and all that it has started, as a crash of its machine would."""
        process = self._running.pop(name)
        _end({process.pid})
        process.wait()

    def exit_code(self, name: str) -> int | None:
        """Return the exit code of a process, or None while it runs."""
        return self._running[name].poll()

    def ended(self) -> dict[str, int]:
        """Return the processes that have ended, with their exit codes."""
        codes = {name: process.poll() for name, process in self._running.items()}
        return {name: code for name, code in codes.items() if code is not None}

    def stop(self) -> None:
        """End all at once, with all that they have started, and remove the folder."""
        if self._guard is None:
            shutil.rmtree(self.folder, ignore_errors=True)
            return
        # The guard reads to the end of its input, ends the processes, then ends itself.
        self._guard.communicate()
        for process in self._running.values():
            process.wait()
        self._guard = None
        self._running.clear()

    def log_path(self, name: str) -> Path:
        """Return where the output of a process goes."""
        return self.folder / f"{name}.log"

    def log_tails(self) -> str:
        """Return the end of every log, for error messages."""
        tails = []
        for name in self._running:
            text = self.log_path(name).read_text(encoding="utf-8", errors="replace")
            tails.append(f"--- the end of {name}.log ---\n{text[-_TAIL:]}")
        return "\n".join(tails)

    def _orders(self) -> IO[str]:
        if self._guard is None:
            self._guard = subprocess.Popen(
                [sys.executable, __file__, str(self.folder)],
                stdin=subprocess.PIPE,
                text=True,
                start_new_session=True,
            )
        assert self._guard.stdin is not None
        return self._guard.stdin


def kill_worker(task_pid: int) -> int:
    """Kill a task and the worker above it, as if memory had run out; return the worker's pid."""
    task = psutil.Process(task_pid)
    worker = task.parent()
    assert worker is not None
    # The worker first: it would report the death of its task.
    for process in (worker, task):
        process.kill()
    return int(worker.pid)


def _guard(folder: Path) -> None:
    _end({int(line) for line in sys.stdin})
    shutil.rmtree(folder, ignore_errors=True)


def _end(sessions: set[int]) -> None:
    while alive := [pid for pid in psutil.pids() if _lives_in(sessions, pid)]:
        for pid in alive:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        time.sleep(0.02)


def _lives_in(sessions: set[int], pid: int) -> bool:
    with contextlib.suppress(OSError, psutil.NoSuchProcess):
        return os.getsid(pid) in sessions and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    return False


if __name__ == "__main__":
    _guard(Path(sys.argv[1]))
