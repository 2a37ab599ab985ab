"""What ends an embedded server, and removes its folder, when the process that started it is gone.

A process of its own reads from a pipe whose other end only the owner holds. However the owner
ends, also by a signal that nobody can handle, the pipe ends with it. The child of a fork lets go
of the pipe, or it would keep the server.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
from pathlib import Path
from typing import IO
from weakref import WeakSet

# The last line tells the process that is to end; an empty one that there is none any more.
_WATCH = """
trap '' HUP INT TERM
while read -r line; do pid=$line; done
[ -z "$pid" ] || kill -9 "$pid"
rm -rf -- "$1"
"""
# The server tells its number itself, before it is one: there is no moment without a watch.
_TELL = 'echo $$; exec "$@" >&2'


class Watcher:
    """Watches over one folder, and the server in it."""

    def __init__(self, folder: Path) -> None:
        reading, writing = os.pipe()
        self._pipe = os.fdopen(writing, "wb", buffering=0)
        _open.add(self)
        try:
            self._process = subprocess.Popen(
                ["/bin/sh", "-c", _WATCH, "sh", str(folder)],
                stdin=reading,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                cwd="/",
                # Neither a Ctrl-C nor the end of the terminal is for it.
                start_new_session=True,
            )
        except BaseException:
            self._pipe.close()
            raise
        finally:
            os.close(reading)

    def start(self, command: list[str], folder: Path, log: IO[bytes]) -> subprocess.Popen[bytes]:
        """Start the server; what it writes goes to the log."""
        return subprocess.Popen(
            ["/bin/sh", "-c", _TELL, "sh", *command],
            stdin=subprocess.DEVNULL,
            stdout=self._pipe,
            stderr=log,
            cwd=folder,
        )

    def ended(self) -> None:
        """Note that the server has ended; there may be another one."""
        # It is closed in the child of a fork.
        with contextlib.suppress(OSError, ValueError):
            self._pipe.write(b"\n")

    def close(self) -> None:
        """Remove the folder, and end."""
        self._pipe.close()
        self._process.wait()

    def let_go(self) -> None:
        """Leave it to the process from which this one was forked."""
        self._pipe.close()


_open: WeakSet[Watcher] = WeakSet()


def _let_go_of_all() -> None:
    for watcher in list(_open):
        watcher.let_go()


os.register_at_fork(after_in_child=_let_go_of_all)
