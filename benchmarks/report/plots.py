"""A picture of bars for each chapter, ours in a colour and all others in grey."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

from benchmarks.contenders import OURS, OURS_POOLED
from benchmarks.harness.results import Case, Chapter, Figure, Results
from benchmarks.report import svg
from benchmarks.report.axis import Axis, axis_for
from benchmarks.report.markdown import RATES, reading, unit_of_time

_WIDTH = 760
_GAP = 8
_ROW = 20
_BAR = 12
_HEADING = 18
_BETWEEN = 16
_TOP = 62
_BOTTOM = 22
_CAP = 3
_BELOW_MIDDLE = 4.5
_SMALL = 12
_LINE = 15
_NAME_WRAPPED_AFTER = 25
_CASE_WRAPPED_AFTER = 80

# What to look at in a chapter of many cases; the tables have them all.
_SHOWN = {
    "one_thread": ("get, 20 B", "set with expiry, 20 B", "clear*"),
    "clear_all": ("clear*", "longest stall*"),
    "memory": ("*unmapped*with expiry*",),
}
_COLOURS = {OURS: svg.STRONG, OURS_POOLED: svg.TINT}


@dataclass(frozen=True)
class Bar:
    """One contender's bar, and what stands at its end."""

    contender: str
    value: float
    low: float
    high: float
    label: str

    @property
    def lines(self) -> list[str]:
        """The contender's name, which may be long."""
        return textwrap.wrap(self.contender, _NAME_WRAPPED_AFTER)

    @property
    def height(self) -> float:
        """The height of its row."""
        return _ROW + (len(self.lines) - 1) * _LINE


@dataclass(frozen=True)
class Group:
    """The bars of one case."""

    lines: tuple[str, ...]
    bars: tuple[Bar, ...]

    @property
    def height(self) -> float:
        """The height of the heading and of all rows."""
        return len(self.lines) * _HEADING + sum(bar.height for bar in self.bars)


def write(results: Results, folder: Path) -> list[Path]:
    """Write a picture for each chapter that has figures, and return their paths."""
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for chapter in (each for each in results.chapters if each.cases):
        path = folder / f"{chapter.name}.svg"
        path.write_text(draw(chapter), encoding="utf-8")
        written.append(path)
    return written


def draw(chapter: Chapter) -> str:
    """Return the picture of a chapter."""
    groups = [_group(chapter, case) for case in _shown(chapter)]
    bars = [bar for group in groups for bar in group.bars]
    left = _GAP + max(svg.width_of(line, bold=True) for bar in bars for line in bar.lines)
    right = 2 * _GAP + max(svg.width_of(bar.label, bold=True) for bar in bars)
    end = max(bar.high for bar in bars)
    axis = axis_for([bar.value for bar in bars], end, left, _WIDTH - left - right)
    elements = [
        svg.text(0, 18, chapter.title, size=15, bold=True),
        svg.text(0, 38, _note(chapter, axis), size=_SMALL),
    ]
    marks = axis.marks(lambda mark: svg.width_of(_mark(chapter, mark, axis), size=_SMALL))
    top: float = _TOP
    for group in groups:
        elements += _draw_group(group, axis, marks, top)
        top += group.height + _BETWEEN
    elements += [
        svg.text(
            axis.place(mark), top - 4, _mark(chapter, mark, axis), size=_SMALL, anchor="middle"
        )
        for mark in marks
    ]
    return svg.picture(
        chapter.title, _describe(groups), (_WIDTH, top + _BOTTOM - _BETWEEN), elements
    )


def _shown(chapter: Chapter) -> Sequence[Case]:
    patterns = _SHOWN.get(chapter.name, ("*",))
    shown = [case for case in chapter.cases if any(fnmatchcase(case.name, p) for p in patterns)]
    return shown or chapter.cases


def _group(chapter: Chapter, case: Case) -> Group:
    lines = textwrap.wrap(case.name, _CASE_WRAPPED_AFTER)
    return Group(tuple(lines), tuple(_bar(chapter, figure) for figure in case.figures))


def _bar(chapter: Chapter, figure: Figure) -> Bar:
    value = 1 / figure.median if chapter.name in RATES else figure.median
    beside = value * figure.spread
    return Bar(figure.contender, value, value - beside, value + beside, reading(chapter, figure))


def _draw_group(group: Group, axis: Axis, marks: Sequence[float], top: float) -> list[str]:
    elements = [
        svg.text(0, top + line * _HEADING, words, bold=True)
        for line, words in enumerate(group.lines)
    ]
    top += (len(group.lines) - 1) * _HEADING + _GAP
    bottom = top + sum(bar.height for bar in group.bars)
    elements += [
        svg.path(f"M{axis.place(mark):.1f} {top:.1f}V{bottom:.1f}", svg.TEXT, opacity=0.3)
        for mark in marks
    ]
    for bar in group.bars:
        elements += _draw_bar(bar, axis, top + bar.height / 2)
        top += bar.height
    return elements


def _draw_bar(bar: Bar, axis: Axis, middle: float) -> list[str]:
    is_ours = bar.contender == OURS
    colour = _COLOURS.get(bar.contender, svg.NEUTRAL)
    words = svg.STRONG if is_ours else svg.TEXT
    low, end, high = (axis.place(value) for value in (bar.low, bar.value, bar.high))
    baseline = middle + _BELOW_MIDDLE
    first = baseline - (len(bar.lines) - 1) * _LINE / 2
    names = [
        svg.text(axis.left - _GAP, first + number * _LINE, line, words, anchor="end", bold=is_ours)
        for number, line in enumerate(bar.lines)
    ]
    # The part of the whisker on the bar is white, which stands out in either theme.
    whiskers = [
        svg.path(_whisker(end, low, middle), svg.WHITE, width=1.5),
        svg.path(_whisker(end, high, middle), colour, width=1.5),
    ]
    return [
        *names,
        svg.bar(axis.left, middle - _BAR / 2, end - axis.left, _BAR, colour),
        *(whiskers if bar.high > bar.value else []),
        svg.text(high + _GAP, baseline, bar.label, words, bold=is_ours),
    ]


def _whisker(start: float, end: float, middle: float) -> str:
    cap = f"M{end:.1f} {middle - _CAP:.1f}V{middle + _CAP:.1f}"
    return f"M{start:.1f} {middle:.1f}H{end:.1f}{cap}"


def _mark(chapter: Chapter, value: float, axis: Axis) -> str:
    """Return a mark's label; all have one unit, unless they span too many figures for it."""
    if value == 0:
        return "0"
    if chapter.name in RATES:
        return f"{value:,.12g}/s"
    if chapter.unit == "bytes":
        return f"{value:,.12g} B"
    factor, name = unit_of_time(value if axis.is_logarithmic else axis.end)
    return f"{value * factor:,.12g} {name}"


def _note(chapter: Chapter, axis: Axis) -> str:
    scale = ", on a logarithmic scale" if axis.is_logarithmic else ""
    if chapter.name in RATES:
        return f"Calls a second{scale}: more is better."
    what = "Bytes" if chapter.unit == "bytes" else "Time"
    return f"{what}{scale}: less is better."


def _describe(groups: Sequence[Group]) -> str:
    return " ".join(
        f"{' '.join(group.lines)}: "
        + ", ".join(f"{bar.contender} {bar.label}" for bar in group.bars)
        + "."
        for group in groups
    )
