"""Figures as people read them, and tables in Markdown."""

from __future__ import annotations

from collections.abc import Sequence

from benchmarks.harness.results import Case, Chapter, Figure, Unit

# With many clients at once, the calls that all of them make say more than a share of the time.
RATES = {"threads", "tasks", "execution_api"}


def table(header: Sequence[str], rows: Sequence[Sequence[str]], *, words: int = 1) -> str:
    """Return a table that lines up in plain text too; the first ``words`` columns are words."""
    lines = [[cell.replace("|", "\\|") for cell in row] for row in [header, *rows]]
    widths = [max(3, *(len(cell) for cell in column)) for column in zip(*lines, strict=True)]
    rule = [
        "-" * width if column < words else "-" * (width - 1) + ":"
        for column, width in enumerate(widths)
    ]
    head, *body = lines
    return "\n".join(_line(row, widths, words) for row in [head, rule, *body])


def section(title: str, *paragraphs: str) -> str:
    """Return what stands under a title."""
    return "\n\n".join([f"## {title}", *paragraphs])


def reading(chapter: Chapter, case: Case, figure: Figure) -> str:
    """Return a figure in the way that its case is read, or else its chapter."""
    if case.unit is None and chapter.name in RATES:
        return a_second(figure.median)
    return amount(figure.median, case.unit or chapter.unit)


def amount(value: float, unit: Unit) -> str:
    """Return a time with the unit that suits it, or bytes, or a bare number."""
    if unit == "statements":
        return three_digits(value)
    if unit == "bytes":
        return f"{three_digits(value)} B"
    factor, name = unit_of_time(value)
    return f"{three_digits(value * factor)} {name}"


def unit_of_time(seconds: float) -> tuple[float, str]:
    """Return by what to multiply a time to read it, and the name of what comes out."""
    if seconds < 1e-3:
        return 1e6, "µs"
    return (1e3, "ms") if seconds < 1 else (1, "s")


def a_second(per_call: float) -> str:
    """Return how many calls a second that makes."""
    return f"{three_digits(1 / per_call)}/s"


def with_spread(figure: str, part: float) -> str:
    """Return a figure, and how far half of the rounds lie from it if there were several."""
    return f"{figure} ±{part:.0%}" if part else figure


def advantage(ratio: float, better: str, worse: str) -> str:
    """Return how many times better ours is, or worse."""
    if f"{ratio:.2f}" == "1.00":
        return "the same"
    return (
        f"{three_digits(ratio)}x {better}" if ratio > 1 else f"{three_digits(1 / ratio)}x {worse}"
    )


def three_digits(value: float) -> str:
    """Return a figure without the digits that say nothing."""
    rounded = float(f"{value:.3g}") if value < 1000 else value
    decimals = 0 if rounded >= 100 else 1 if rounded >= 10 else 2
    return f"{rounded:,.{decimals}f}"


def _line(cells: Sequence[str], widths: Sequence[int], words: int) -> str:
    padded = [
        cell.ljust(width) if column < words else cell.rjust(width)
        for column, (cell, width) in enumerate(zip(cells, widths, strict=True))
    ]
    return "| " + " | ".join(padded) + " |"
