"""The command as people and programs call it: in a terminal, and as a process with pipes."""

from __future__ import annotations

import os
import pty
import re
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from tests.support.waiting import wait_until

# What is drawn anew begins where the last was erased.
ERASED = "\x1b[2K"
# Bold, and the like; a cursor that hides.
_STYLE = re.compile(r"\x1b\[(?:[0-9;]*m|\?25[hl])")


@dataclass(frozen=True)
class Ended:
    """How a command ended."""

    code: int
    out: str
    err: str


def in_a_process(*arguments: str, stdin: str | None = None, program: str = "redis_state") -> Ended:
    """Call the command, or another module, as a process with pipes."""
    ran = subprocess.run(
        [sys.executable, "-m", program, *arguments],
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
    program: str = "redis_state",
) -> Ended:
    """Call the command in a terminal of its own; once it shows ``after``, type or interrupt.

    ``apart``: stderr goes elsewhere. ``program`` is another module than the command itself.
    """
    outer, inner = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", program, *arguments],
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
