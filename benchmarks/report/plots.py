"""A picture of bars for each chapter, ours in a colour and all others in grey.

It needs matplotlib, which is in `.venv-plots`. A picture has no background, and colours that can be
read on a white page and on a dark one; it is as wide as a phone.
"""

from __future__ import annotations

import itertools
import textwrap
from collections.abc import Sequence
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.figure import Figure as Picture
from matplotlib.ticker import EngFormatter, FixedLocator, LogLocator, MaxNLocator, NullLocator

from benchmarks.contenders import OURS, OURS_EXPRESS, OURS_POOLED
from benchmarks.harness.results import Case, Chapter, Figure, Results
from benchmarks.report.markdown import RATES, reading

# Contrast with white and with the documentation's dark page alike: about 4:1 for what is read, and
# more than 3:1 for the other shapes. No colour has more with both.
_TEXT = "#7a7f89"
_STRONG = "#5f78e0"
_TINT = "#858fbd"
_NEUTRAL = "#8b909c"

# In points, 72 of an inch.
_WIDTH, _ROW, _LINE, _BETWEEN, _TITLE_AND_AXIS = 360, 19, 15, 10, 76
# Labels of an axis are at least so far apart, in pixels.
_APART = 6
_CASE_WRAPPED_AFTER = 52
_LOGARITHMIC_FROM = 20
_STYLE = {
    # Words stay words, in a font of whoever looks at them.
    "svg.fonttype": "none",
    "font.sans-serif": ["DejaVu Sans"],
    "font.size": 12,
    "axes.titlesize": 12,
    "figure.titlesize": 14,
    "figure.labelsize": 12,
    "text.color": _TEXT,
    "xtick.color": _TEXT,
    "ytick.color": _TEXT,
    "text.parse_math": False,
    # The same results make the same bytes.
    "svg.hashsalt": "redis-state",
}
_SAME_BYTES = {"Date": None, "Creator": None}

# What to look at in a chapter of many cases; the tables have them all.
_SHOWN = {
    "one_thread": ("get, 20 B", "set with expiry, 20 B", "clear*"),
    "clear_all": ("clear*", "longest stall*"),
    "memory": ("*unmapped*with expiry*",),
    "execution_api": ("set, *", "get, *"),
}
_TINTED = {OURS, OURS_POOLED}


def write(results: Results, folder: Path) -> list[Path]:
    """Write a picture for each chapter that has figures, and return their paths."""
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for chapter in (each for each in results.chapters if each.cases):
        path = folder / f"{chapter.name}.svg"
        words = {"Title": chapter.title, "Description": _describe(chapter)}
        with mpl.rc_context(_STYLE):
            draw(chapter).savefig(path, transparent=True, metadata=words | _SAME_BYTES)
        written.append(path)
    return written


def draw(chapter: Chapter) -> Picture:
    """Return the picture of a chapter: the bars of each case, one case below the other."""
    cases = shown(chapter)
    titles = [textwrap.fill(case.name, _CASE_WRAPPED_AFTER) for case in cases]
    bars = [len(case.figures) for case in cases]
    lines = sum(title.count("\n") + 1 for title in titles)
    height = sum(bars) * _ROW + lines * _LINE + len(cases) * _BETWEEN + _TITLE_AND_AXIS
    with mpl.rc_context(_STYLE):
        picture = Picture(figsize=(_WIDTH / 72, height / 72), layout="constrained")
        picture.suptitle(chapter.title, x=0, horizontalalignment="left", weight="bold")
        picture.supxlabel(_scale(chapter, cases), x=0, horizontalalignment="left")
        ratios = {"height_ratios": bars}
        picture.subplots(len(cases), sharex=True, squeeze=False, gridspec_kw=ratios)
        for axes, case, title in zip(picture.axes, cases, titles, strict=True):
            axes.set_title(title, horizontalalignment="left", weight="bold")
            _draw_bars(axes, chapter, case)
        _set_scale(picture.axes[-1], chapter, cases)
        _move_titles_to_the_left(picture)
        _keep_labels_apart(picture.axes[-1])
    return picture


def shown(chapter: Chapter) -> Sequence[Case]:
    """Return the cases of a chapter that its picture has."""
    patterns = _SHOWN.get(chapter.name, ("*",))
    found = [case for case in chapter.cases if any(fnmatchcase(case.name, p) for p in patterns)]
    return found or chapter.cases


def _draw_bars(axes: Any, chapter: Chapter, case: Case) -> None:
    names = [figure.contender for figure in case.figures]
    values = [_value(chapter, figure) for figure in case.figures]
    spreads = [value * each.spread for value, each in zip(values, case.figures, strict=True)]
    best = OURS_EXPRESS if OURS_EXPRESS in names else OURS
    colours = [
        _STRONG if name == best else _TINT if name in _TINTED else _NEUTRAL for name in names
    ]
    rows = range(len(names))
    bars = axes.barh(rows, values, color=colours, height=0.6, xerr=spreads, ecolor=colours)
    # The part of the whisker on the bar is white, which stands out in either theme.
    lows = [value - spread for value, spread in zip(values, spreads, strict=True)]
    axes.hlines(rows, lows, values, color="white", linewidth=1.5)
    axes.set_yticks(rows, names)
    labels = axes.bar_label(
        bars, [reading(chapter, case, each) for each in case.figures], padding=4
    )
    for name, *words in zip(names, axes.get_yticklabels(), labels, strict=True):
        if name == best:
            for each in words:
                each.set(color=_STRONG, weight="bold")
    axes.set_ylim(len(names) - 0.5, -0.5)
    axes.grid(axis="x", color=_TEXT, alpha=0.3)
    axes.set_axisbelow(True)
    axes.spines[:].set_visible(False)
    axes.tick_params(length=0)


def _set_scale(axes: Any, chapter: Chapter, cases: Sequence[Case]) -> None:
    """Scale the axis that all share."""
    if _is_logarithmic(chapter, cases):
        axes.set_xscale("log")
        axes.set_xlim(left=min(_values(chapter, cases)) / 2)
        axes.xaxis.set_major_locator(LogLocator(numticks=5))
        axes.xaxis.set_minor_locator(NullLocator())
    else:
        axes.set_xlim(left=0)
        axes.xaxis.set_major_locator(MaxNLocator(4, steps=[1, 2, 5, 10]))
    if chapter.name in RATES:
        axes.xaxis.set_major_formatter(EngFormatter("/s", sep=""))
    else:
        axes.xaxis.set_major_formatter(EngFormatter("B" if chapter.unit == "bytes" else "s"))


def _move_titles_to_the_left(picture: Picture) -> None:
    """Let the titles begin where the contenders' names do, once it is known how long these are."""
    picture.draw_without_rendering()
    picture.set_layout_engine("none")
    for axes in picture.axes:
        place = axes.get_position()
        axes.title.set_x(-place.x0 / place.width)


def _keep_labels_apart(axes: Any) -> None:
    """Leave out every other label of the axis, where they would touch."""
    low, high = axes.get_xlim()
    places = [place for place in axes.get_xticks() if low <= place <= high]
    labels = dict(zip(axes.get_xticks(), axes.get_xticklabels(), strict=True))
    taken = [labels[place].get_window_extent() for place in places]
    if any(there.x0 - here.x1 < _APART for here, there in itertools.pairwise(taken)):
        axes.xaxis.set_major_locator(FixedLocator(places[::2]))


def _value(chapter: Chapter, figure: Figure) -> float:
    return 1 / figure.median if chapter.name in RATES else figure.median


def _values(chapter: Chapter, cases: Sequence[Case]) -> list[float]:
    return [_value(chapter, figure) for case in cases for figure in case.figures]


def _is_logarithmic(chapter: Chapter, cases: Sequence[Case]) -> bool:
    """Tell whether the greatest value would hide the least otherwise."""
    values = _values(chapter, cases)
    return max(values) / min(values) > _LOGARITHMIC_FROM


def _scale(chapter: Chapter, cases: Sequence[Case]) -> str:
    scale = ", on a logarithmic scale" if _is_logarithmic(chapter, cases) else ""
    if chapter.name in RATES:
        return f"Calls a second{scale}: more is better."
    what = "Bytes" if chapter.unit == "bytes" else "Time"
    return f"{what}{scale}: less is better."


def _describe(chapter: Chapter) -> str:
    return " ".join(
        f"{case.name}: "
        + ", ".join(f"{each.contender} {reading(chapter, case, each)}" for each in case.figures)
        + "."
        for case in shown(chapter)
    )
