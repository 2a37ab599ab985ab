"""The results as one page of Markdown, and as the parts that the documentation includes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from benchmarks.contenders import OURS
from benchmarks.harness.results import Case, Chapter, Figure, Results
from benchmarks.report.headlines import in_short
from benchmarks.report.markdown import (
    RATES,
    advantage,
    amount,
    reading,
    section,
    table,
    with_spread,
)
from benchmarks.report.method import METHOD
from benchmarks.report.targets import reached

_IN_SHORT = (
    "What most people want to know. The last column is the median of the ratios within each round, "
    "so it is not quite the ratio of the two figures beside it. For p99, and where redis-state "
    "stands against itself, it is."
)

# What is done a few times only: the greatest time stands where p99 would be.
_FEW_TIMES = {"clear_all"}
_WORDS = {
    "seconds": ("faster", "slower"),
    "bytes": ("smaller", "larger"),
    "statements": ("fewer", "more"),
}
_WORDS_OF_A_CASE = _WORDS | {"seconds": ("less", "more")}


def render(results: Results) -> str:
    """Return the page."""
    parts = [
        "# How fast redis-state is",
        section("In short", _IN_SHORT, in_short(results)),
        *(section(each.title, *_parts(each)) for each in results.chapters),
        section("How it was measured", METHOD),
        section("Where", "What the figures depend on.", _facts(results)),
    ]
    return "\n\n".join(parts) + "\n"


def write_docs(results: Results, folder: Path) -> list[Path]:
    """Write the words of the documentation that come from a run, and return their paths."""
    folder.mkdir(parents=True, exist_ok=True)
    parts = {
        "in-short": f"{_IN_SHORT}\n\n{in_short(results)}",
        **{each.name: "\n\n".join(_parts(each)) for each in results.chapters},
        "method": METHOD,
        "facts": _facts(results),
    }
    written = []
    for name, part in parts.items():
        path = folder / f"{name}.md"
        path.write_text(part + "\n", encoding="utf-8")
        written.append(path)
    return written


def _parts(chapter: Chapter) -> list[str]:
    return [chapter.sentence, *reached(chapter), _figures(chapter)]


def _figures(chapter: Chapter) -> str:
    """Return a table with a row for each contender of each case."""
    if not chapter.cases:
        return "Not measured in this run."
    header = ["", "contender", _kind(chapter), _comparison(chapter), *_percentiles(chapter)]
    rows = [row for case in chapter.cases for row in _rows(chapter, case)]
    return table(header, rows, words=2)


def _kind(chapter: Chapter) -> str:
    if any(case.unit for case in chapter.cases):
        return "median"
    return "calls a second" if chapter.name in RATES else "median"


def _comparison(chapter: Chapter) -> str:
    """Return what the ratios say: how good redis-state is, or how good each is beside another."""
    first = chapter.cases[0].figures[0].contender
    return "redis-state is" if first == OURS else f"beside the {first}"


def _percentiles(chapter: Chapter) -> dict[str, Callable[[Figure], float | None]]:
    """Return the columns for single calls, if they were timed."""
    if not any(figure.p99 for case in chapter.cases for figure in case.figures):
        return {}
    if chapter.name in _FEW_TIMES:
        return {"worst": lambda figure: figure.p99}
    return {"p50": lambda figure: figure.p50, "p99": lambda figure: figure.p99}


def _rows(chapter: Chapter, case: Case) -> Iterator[Sequence[str]]:
    for number, figure in enumerate(case.figures):
        yield [
            "" if number else case.name,
            figure.contender,
            with_spread(reading(chapter, case, figure), figure.spread),
            _advantage(chapter, case, figure) if number else "",
            *(_percentile(read(figure)) for read in _percentiles(chapter).values()),
        ]


def _advantage(chapter: Chapter, case: Case, figure: Figure) -> str:
    words = _WORDS_OF_A_CASE[case.unit] if case.unit else _WORDS[chapter.unit]
    if case.name.startswith("longest"):
        words = ("shorter", "longer")
    if not figure.advantage:
        return "none"
    is_ours = case.figures[0].contender == OURS
    ratio = figure.advantage if is_ours else 1 / figure.advantage
    return with_spread(advantage(ratio, *words), figure.advantage_spread)


def _percentile(seconds: float | None) -> str:
    return "" if seconds is None else amount(seconds, "seconds")


def _facts(results: Results) -> str:
    return table(("", ""), list(results.facts.items()), words=2)
