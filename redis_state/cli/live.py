"""The state of a task in a terminal, where what has just changed stands out."""

from __future__ import annotations

from collections.abc import Mapping
from types import TracebackType
from typing import Self

from rich.box import SIMPLE_HEAD
from rich.console import Group
from rich.live import Live as RichLive
from rich.table import Table
from rich.text import Text

from redis_state.cli import texts
from redis_state.cli.changes import changes
from redis_state.cli.scopes import in_words
from redis_state.cli.shown import COLUMNS, row_of
from redis_state.cli.state import Shown
from redis_state.cli.tables import console
from redis_state.scopes import StateScope

# So many looks long.
_STANDS_OUT = 3


class Live:
    """A table that is drawn anew at each look."""

    def __init__(self, scope: StateScope) -> None:
        self._title = texts.printable(in_words(scope))
        self._before: Mapping[str, Shown] | None = None
        self._fresh: dict[str, int] = {}
        self._live = RichLive(console=console(), auto_refresh=False)

    def __enter__(self) -> Self:
        self._live.__enter__()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._live.__exit__(kind, error, traceback)

    def show(self, now: Mapping[str, Shown], task_state: str | None) -> None:
        """Draw what is there now."""
        self._fresh = {key: left - 1 for key, left in self._fresh.items() if left > 1}
        if self._before is not None:
            changed = changes(self._before, now)
            self._fresh |= {change.key: _STANDS_OUT for change in changed}
        self._before = now
        self._live.update(self._drawn(now, task_state), refresh=True)

    def _drawn(self, now: Mapping[str, Shown], task_state: str | None) -> Group:
        title = f"{self._title}: {task_state}" if task_state else self._title
        table = Table(box=SIMPLE_HEAD, show_edge=False, pad_edge=False)
        for column in COLUMNS:
            table.add_column(column.title, overflow="fold")
        for key, shown in now.items():
            row = row_of(shown)
            cells = (Text(texts.printable(column.text(row))) for column in COLUMNS)
            table.add_row(*cells, style="bold green" if key in self._fresh else "")
        return Group(Text(title), "", table)
