"""`redis-state watch` as a program reads it: a line for each change."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


class Watching:
    """A command that watches, and the changes that it tells."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def line(self) -> str:
        """Read a line."""
        assert self._process.stdout is not None
        return self._process.stdout.readline()

    def next(self) -> dict[str, Any]:
        """Read a change."""
        return dict(json.loads(self.line()))

    def stop(self) -> tuple[int, str]:
        """Interrupt it, and return its exit code and what it says."""
        self._process.send_signal(signal.SIGINT)
        _, told = self._process.communicate()
        return self._process.returncode, told


@contextmanager
def watching(*arguments: str) -> Iterator[Watching]:
    command = [sys.executable, "-m", "redis_state", "watch", "-o", "jsonl", "--interval", "0.05"]
    with subprocess.Popen(
        [*command, *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ,
    ) as process:
        try:
            yield Watching(process)
        finally:
            process.kill()
