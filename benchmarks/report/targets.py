"""What the express lane is to reach through Airflow's API, and whether a run has reached it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from benchmarks.contenders import OURS_EXPRESS
from benchmarks.harness.results import Case, Chapter, Figure
from benchmarks.report.markdown import amount, table, three_digits

_HEADER = ("the express lane, beside the metastore", "is to be", "is", "")


@dataclass(frozen=True)
class Target:
    """What is asked of each case that has this name: a ratio, or a figure that is low enough."""

    cases: tuple[str, ...]
    kind: Literal["times as fast", "p99", "at most"]
    limit: float


_CPU = "CPU of the server"
_STATEMENTS = "statements in the metadata database"
_TARGETS = (
    Target(("set, 1 client", "get, 1 client"), "times as fast", 4.5),
    Target(("set, 8 clients", "get, 8 clients"), "times as fast", 9),
    Target(("set, 32 clients", "get, 32 clients"), "times as fast", 9),
    Target(("set, 32 clients", "get, 32 clients"), "p99", 10),
    Target(
        ("CPU of the server, set, 8 clients", "CPU of the server, get, 8 clients"), "at most", 6e-4
    ),
    Target((f"{_STATEMENTS}, set, 32 clients", f"{_STATEMENTS}, get, 32 clients"), "at most", 0.2),
    Target(("a task's set",), "times as fast", 3),
    Target(("a task's get",), "times as fast", 2.6),
)


def reached(chapter: Chapter) -> list[str]:
    """Return a table of the targets, if their figures are there."""
    rows = list(_rows(chapter)) if chapter.name == "execution_api" else []
    return [table(_HEADER, rows)] if rows else []


def _rows(chapter: Chapter) -> Iterator[tuple[str, str, str, str]]:
    cases = {case.name: case for case in chapter.cases}
    for target in _TARGETS:
        for case in (cases[name] for name in target.cases if name in cases):
            figures = {figure.contender: figure for figure in case.figures}
            if OURS_EXPRESS in figures:
                yield _row(target, case, figures[OURS_EXPRESS], case.figures[0])


def _row(target: Target, case: Case, ours: Figure, base: Figure) -> tuple[str, str, str, str]:
    if target.kind == "at most":
        unit = case.unit or "seconds"
        is_reached = ours.median < target.limit
        asked, found = f"under {amount(target.limit, unit)}", amount(ours.median, unit)
        return case.name, asked, found, _word(is_reached=is_reached)
    ratio, name = 1 / ours.advantage, case.name
    if target.kind == "p99":
        ratio, name = (base.p99 or 0) / (ours.p99 or 1), f"{case.name}: p99"
    asked, found = f"{target.limit:g}x faster", f"{three_digits(ratio)}x faster"
    return name, asked, found, _word(is_reached=ratio >= target.limit)


def _word(*, is_reached: bool) -> str:
    return "reached" if is_reached else "missed"
