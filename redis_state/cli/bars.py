"""How far a command of several steps is: a bar for each, one after the other."""

from __future__ import annotations

from contextlib import ExitStack
from types import TracebackType
from typing import Self

from redis_state.admin.migration.report import Progress as Step
from redis_state.cli.progress import Progress, progress


class Bars:
    """Shows one bar at a time."""

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
