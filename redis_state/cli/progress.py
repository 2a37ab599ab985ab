"""How far a long command is, on stderr: a bar where somebody looks on, else a line now and then."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from types import TracebackType
from typing import Protocol, Self

from redis_state.admin.migration.report import Progress as Step

# A log has a line for each tenth of what takes long, and one each half minute.
_TENTH = 10
_QUIET = 5.0
_SILENCE = 30.0


class Progress(Protocol):
    """Shows how far a command is."""

    def show(self, done: int, total: int) -> None:
        """Show it, if it looks otherwise than before."""


@contextmanager
def progress(what: str) -> Iterator[Progress]:
    """Show how many of ``what`` are done, for as long as the context lasts."""
    if not sys.stderr.isatty():
        yield _Lines(what)
        return
    with _bar(what) as bar:
        yield bar


class Bars:
    """Shows how far a command of several steps is: a bar for each, one after the other."""

    def __init__(self) -> None:
        self._stack = ExitStack()
        self._step = ""
        self._bar: Progress | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._stack.close()

    def show(self, at: Step) -> None:
        """Show how far a step is."""
        if self._bar is None or at.step != self._step:
            self._stack.close()
            self._step = at.step
            self._bar = self._stack.enter_context(progress(f"{at.unit} ({at.step})"))
        self._bar.show(at.done, at.total)


class _Lines:
    """A line for each tenth."""

    def __init__(self, what: str) -> None:
        self._what = what
        self._shown = -1
        self._last = self._begun = time.monotonic()

    def show(self, done: int, total: int) -> None:
        """Write a line, unless it looks as before."""
        tenth, now = _TENTH * done // total if total else _TENTH, time.monotonic()
        is_as_before = tenth == self._shown and now - self._last < _SILENCE
        if is_as_before or now - self._begun < _QUIET:
            return
        self._shown, self._last = tenth, now
        rate = done / max(now - self._begun, 0.001)
        how_fast = f", {rate:,.0f} a second" if rate >= 1 else ""
        said = f"redis-state: {done:,} of {total:,} {self._what}{how_fast}"
        print(said, file=sys.stderr, flush=True)


@contextmanager
def _bar(what: str) -> Iterator[Progress]:
    from rich.progress import (  # noqa: PLC0415 - not for programs
        BarColumn,
        MofNCompleteColumn,
        TextColumn,
        TimeRemainingColumn,
    )
    from rich.progress import Progress as Bar  # noqa: PLC0415 - the same

    from redis_state.cli.tables import console  # noqa: PLC0415 - the same

    columns = (
        TextColumn(what),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]}"),
        TimeRemainingColumn(),
    )
    with Bar(*columns, console=console(stderr=True), transient=True) as bar:
        task = bar.add_task(what, total=None, rate="")

        class _Shown:
            def show(self, done: int, total: int) -> None:
                speed = bar.tasks[task].speed
                rate = f"{speed:,.0f}/s" if speed and speed >= 1 else ""
                bar.update(task, completed=done, total=total, rate=rate)

        yield _Shown()
