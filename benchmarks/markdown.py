"""Figures as people read them, and tables in Markdown."""

from __future__ import annotations

from collections.abc import Sequence


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a table whose columns line up in plain text too; the first one is text."""
    widths = [max(len(row[column]) for row in [header, *rows]) for column in range(len(header))]
    rule = ["-" * widths[0], *("-" * (width - 1) + ":" for width in widths[1:])]
    return "\n".join(_line(row, widths) for row in [header, rule, *rows])


def section(title: str, sentence: str, header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a table under its title and the sentence that says what it shows."""
    return f"## {title}\n\n{sentence}\n\n{table(header, rows)}"


def microseconds(seconds: float) -> str:
    return f"{seconds * 1e6:,.0f} µs"


def milliseconds(seconds: float) -> str:
    return f"{seconds * 1e3:,.2f} ms"


def a_second(per_call: float, spread_of_it: float) -> str:
    return f"{1 / per_call:,.0f}/s {spread(spread_of_it)}"


def spread(part: float) -> str:
    return f"±{part:.0%}"


def ratio(ours: float, by_hand: float) -> str:
    return f"{ours / by_hand:.2f}"


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    first, *others = [
        cell.ljust(width) if column == 0 else cell.rjust(width)
        for column, (cell, width) in enumerate(zip(cells, widths, strict=True))
    ]
    return "| " + " | ".join([first, *others]) + " |"
