"""`make demo KEEP=1`, and what it prints."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from examples.airflow_api import Login

ROOT = Path(__file__).parents[2]


class KeptDemo:
    """A demo that runs on: the pages that it names, and the login."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        assert process.stdout is not None
        self._process, self._output = process, process.stdout
        told = ""
        for line in self._output:
            told += line
            if line.startswith("Press Ctrl-C"):
                break
        pages = re.findall(r"^  (http://127\.0\.0\.1:\S+)$", told, re.MULTILINE)
        assert len(pages) == 3, told
        self.job, self.pages, self.asset = pages
        self.login = Login(*re.findall(r"^  (?:user|password) +(\S+)$", told, re.MULTILINE))

    def interrupt(self) -> tuple[int, str]:
        """Press Ctrl-C; return the exit code, and what it said last."""
        self._process.send_signal(signal.SIGINT)
        last = self._output.read()
        return self._process.wait(), last


@contextmanager
def kept_demo() -> Iterator[KeptDemo]:
    command = [sys.executable, "-m", "examples.demo", "--keep"]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield KeptDemo(process)
        finally:
            process.terminate()
