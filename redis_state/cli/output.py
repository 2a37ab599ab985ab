"""What commands end with, and how they show how far they are."""

from __future__ import annotations

from typing import TextIO

from redis_state.admin.rotation import RotationProgress

OK, FAILED, MISCONFIGURED = 0, 1, 2
# As shells have it for Ctrl-C.
INTERRUPTED = 130


class ProgressBar:
    """Shows how far it is: a bar where somebody looks on, else a line for each tenth."""

    _WIDTH = 40

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._is_watched = stream.isatty()
        self._shown = -1

    def show(self, progress: RotationProgress) -> None:
        """Show it, unless it looks as before."""
        done, total = progress.keys_done, progress.keys_total
        percent = 100 * done // total if total else 100
        step = percent if self._is_watched else percent // 10 * 10
        if step == self._shown:
            return
        self._shown = step
        text = f"{percent:3} %  {done:,} of {total:,} keys"
        if self._is_watched:
            bar = "#" * (self._WIDTH * percent // 100)
            self._stream.write(f"\r[{bar:.<{self._WIDTH}}] {text}")
        else:
            self._stream.write(f"redis-state: {text}\n")
        self._stream.flush()

    def end(self) -> None:
        """Leave the line of the bar."""
        if self._is_watched and self._shown >= 0:
            self._stream.write("\n")
