"""Tables as wide as the terminal, written while rows come: their widths are those of the first."""

from __future__ import annotations

import re
import shutil
import sys
from collections.abc import Sequence

from rich.box import SIMPLE_HEAD
from rich.cells import cell_len, chop_cells
from rich.console import Console
from rich.table import Table as RichTable
from rich.text import Text

from redis_state.cli import texts
from redis_state.cli.output import Column, Row

# So many rows decide on the widths.
_FIRST = 200
_NARROWEST = 8
_GAP = 3
_PIPED_WIDTH = 200
# Where a name may go on in the next line: a date stays whole, and the time of day behind it.
_BREAK = re.compile(r"[_/ ]+|(?=T\d\d:)")


def console(*, stderr: bool = False) -> Console:
    """Return a console as wide as the terminal; in a pipe, nobody has to wrap."""
    stream = sys.stderr if stderr else sys.stdout
    width = shutil.get_terminal_size((_PIPED_WIDTH, 24)).columns
    return Console(file=stream, width=width, highlight=False, markup=False, emoji=False)


class Table:
    """A table of rows."""

    def __init__(self, columns: Sequence[Column]) -> None:
        self._columns = columns
        self._rows: list[list[str]] = []
        self._widths: list[int] = []
        self._console = console()

    def add(self, row: Row) -> None:
        """Keep a row, and write the table so far where there are enough."""
        self._rows.append([texts.printable(column.text(row)) for column in self._columns])
        if len(self._rows) >= _FIRST:
            self._write()

    def end(self) -> None:
        """Write what is left."""
        if self._rows:
            self._write()

    def _write(self) -> None:
        table = RichTable(
            box=SIMPLE_HEAD, show_header=not self._widths, show_edge=False, pad_edge=False
        )
        self._widths = self._widths or self._fitting()
        for column, width in zip(self._columns, self._widths, strict=True):
            table.add_column(
                column.title,
                justify="right" if column.is_number else "left",
                overflow="ellipsis" if column.is_number else "fold",
                no_wrap=column.is_number,
                width=width,
            )
        for row in self._rows:
            table.add_row(*map(_text, row, self._columns, self._widths))
        self._console.print(table)
        self._rows = []

    def _fitting(self) -> list[int]:
        """Return the widths at which the first rows fit; the widest text gives way."""
        lines = [[column.title for column in self._columns], *self._rows]
        widths = [max(map(cell_len, cells)) for cells in zip(*lines, strict=True)]
        giving_way = [at for at, column in enumerate(self._columns) if not column.is_number]
        while self._surplus(widths) > 0:
            widest = max(giving_way, key=widths.__getitem__)
            if widths[widest] <= _NARROWEST:
                break
            widths[widest] -= 1
        return widths

    def _surplus(self, widths: Sequence[int]) -> int:
        return sum(widths) + _GAP * (len(widths) - 1) - self._console.width


def _text(cell: str, column: Column, width: int) -> Text:
    return Text(cell if column.is_number else "\n".join(fold(cell, width)))


def fold(text: str, width: int) -> list[str]:
    """Return a text in lines that fit, broken between words or parts of a name where that is."""
    lines, start = [], 0
    # No more characters than cells are looked at: a value may have millions.
    while len(text) - start > width or cell_len(text[start:]) > width:
        most = len(chop_cells(text[start : start + width], width)[0]) or 1
        found = _BREAK.finditer(text, start, start + most + len("T00:"))
        breaks = (each.end() - start for each in found)
        at = max((each for each in breaks if most // 2 < each <= most), default=most)
        lines.append(text[start : start + at].rstrip())
        start += at
    return [*lines, text[start:]]
