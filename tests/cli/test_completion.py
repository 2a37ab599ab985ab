"""Shells complete commands and options, after the line that the documentation gives."""

from __future__ import annotations

import os
import pty
import re
import select
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Self

import pytest

from tests import matrix

PAGE = (Path(__file__).parents[2] / "docs/commands.md").read_text(encoding="utf-8")
BIN = Path(sys.executable).parent
REGISTERING = re.search(r"```bash\n(eval.*?)```", PAGE, re.DOTALL)
COMMON = 'eval "$(register-python-argcomplete redis-state)"'
LINES = {
    "bash": [COMMON],
    "zsh": ["autoload -U compinit && compinit -u", COMMON],
    "fish": ["register-python-argcomplete --shell fish redis-state | source"],
}
# A shell wants a terminal that is its own.
OWN_TERMINAL = """
import fcntl, os, sys, termios
os.setsid()
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
os.execv(sys.argv[1], sys.argv[1:])
"""
# Without anything of the user's.
SHELLS = {"bash": ["--norc", "--noprofile"], "zsh": ["-f"], "fish": ["--no-config"]}


def test_the_documentation_has_these_lines() -> None:
    assert REGISTERING is not None
    shown = REGISTERING.group(1)
    for lines in LINES.values():
        for line in lines:
            assert line.replace(" -u", "") in shown


@pytest.mark.parametrize("shell", matrix.SHELLS)
@pytest.mark.parametrize(
    ("typed", "completed"),
    [("redis-state hea", "redis-state health"), ("redis-state ls --dag", "ls --dag-id")],
)
def test_a_shell_completes(shell: str, typed: str, completed: str, tmp_path: Path) -> None:
    with Terminal(shell, tmp_path) as terminal:
        for line in LINES[shell]:
            terminal.type(f"{line}\r")
        terminal.type("echo re''ady\r")
        terminal.wait_for("ready")
        terminal.type(f"{typed}\t")
        terminal.wait_for(completed)


class Terminal:
    """A shell in a terminal."""

    def __init__(self, shell: str, home: Path) -> None:
        found = shutil.which(shell)
        if found is None:
            raise FileNotFoundError(f"{shell} is missing: install it, or do without this lane")
        self._outer, inner = pty.openpty()
        self._shell = subprocess.Popen(
            [sys.executable, "-c", OWN_TERMINAL, found, *SHELLS[shell], "-i"],
            stdin=inner,
            stdout=inner,
            stderr=inner,
            env={
                "PATH": f"{BIN}:{os.environ['PATH']}",
                "TERM": "dumb" if shell != "fish" else "xterm",
                "HOME": str(home),
                "PS1": "> ",
            },
        )
        os.close(inner)
        self._shown = ""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._shell.kill()
        self._shell.wait()
        os.close(self._outer)

    def type(self, text: str) -> None:
        os.write(self._outer, text.encode())

    def wait_for(self, text: str) -> None:
        ends = time.monotonic() + 30
        while text not in self._shown:
            left = ends - time.monotonic()
            ready, _, _ = select.select([self._outer], [], [], max(left, 0))
            assert ready, f"no {text!r} in {self._shown!r}"
            self._shown += os.read(self._outer, 4096).decode(errors="replace")
        self._shown = self._shown.partition(text)[2]
