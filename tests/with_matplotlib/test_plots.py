"""The pictures of a benchmark run: what they show, on a phone, in the light and in the dark."""

from __future__ import annotations

import itertools
import re
from collections import Counter
from pathlib import Path
from xml.etree import ElementTree as ET

import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.container import BarContainer
from matplotlib.figure import Figure as Picture

from benchmarks.contenders import OURS
from benchmarks.harness.results import Case, Chapter, Figure, load
from benchmarks.report import plots
from tests.support.results import ALL, MEMORY, case, chapter, results

DOCS = Path(__file__).parents[2] / "docs" / "assets" / "benchmarks"
RESULTS = load(DOCS / "results.json")
SVG = "{http://www.w3.org/2000/svg}"
DESCRIPTION = "{http://purl.org/dc/elements/1.1/}description"
# Of an inch, for figures that are rounded.
SLACK = 1e-9
LIGHT, DARK = "#ffffff", "#1e2129"


def written(each: Chapter, folder: Path) -> ET.Element:
    (path,) = plots.write(results(each), folder)
    return ET.fromstring(path.read_text(encoding="utf-8"))


def words(picture: ET.Element) -> Counter[str]:
    return Counter(element.text or "" for element in picture.iter(f"{SVG}text"))


def drawn(each: Chapter) -> Picture:
    picture = plots.draw(each)
    picture.draw_without_rendering()
    return picture


def widths_of_bars(picture: Picture) -> list[float]:
    return [bar.get_window_extent().width for axes in picture.axes for bar in axes.patches]


def whiskers(axes: Axes) -> list[tuple[float, float]]:
    (bars,) = (each for each in axes.containers if isinstance(each, BarContainer))
    (lines,) = bars.errorbar.lines[2]
    return [(start[0], end[0]) for start, end in lines.get_segments()]


def luminance(colour: str) -> float:
    linear = [
        each / 12.92 if each <= 0.04045 else ((each + 0.055) / 1.055) ** 2.4
        for each in to_rgb(colour)
    ]
    return float(np.dot((0.2126, 0.7152, 0.0722), linear))


def colours(picture: ET.Element, kind: str) -> set[str]:
    styles = [element.attrib.get("style", "") for element in picture.iter(SVG + kind)]
    return {colour for style in styles for colour in re.findall(r"fill: (#\w+)", style)}


def contrast(one: str, other: str) -> float:
    darker, lighter = sorted((luminance(one), luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


def test_a_picture_has_each_contender_with_its_figure(tmp_path: Path) -> None:
    tasks = chapter(
        "tasks",
        case("mixed get/set, 1 task", ours=20, redis_py=80),
        case("mixed get/set, 10 tasks", ours=25, redis_py=100),
    )
    assert words(written(tasks, tmp_path)) == Counter(
        [
            "Title of tasks",
            "Calls a second: more is better.",
            "mixed get/set, 1 task",
            *("redis-state", "50,000/s", "redis-py", "12,500/s"),
            "mixed get/set, 10 tasks",
            *("redis-state", "40,000/s", "redis-py", "10,000/s"),
            *("0/s", "20k/s", "40k/s"),
        ]
    )


def test_a_picture_tells_its_figures_to_those_who_cannot_see_it(tmp_path: Path) -> None:
    picture = written(MEMORY, tmp_path)
    assert picture.findtext(f"{SVG}title") == "Title of memory"
    assert picture.findtext(f".//{DESCRIPTION}") == (
        "1,000 unmapped task instances, with expiry: redis-state 140 B, string + index 280 B."
    )


def test_names_may_hold_what_xml_and_mathematics_reserve(tmp_path: Path) -> None:
    name = 'a < b & "c", $1 or $2'
    odd = chapter("any", Case(name, (Figure(name, 1, 0.1, 1, 0.1),)))
    assert words(written(odd, tmp_path))[name] == 2


def test_bars_are_as_long_as_their_figures_while_all_of_them_can_be_seen() -> None:
    ours, other = widths_of_bars(drawn(chapter("any", case("it", ours=10, redis_py=190))))
    assert other / ours == pytest.approx(19, rel=0.01)


def test_a_picture_is_logarithmic_when_contenders_differ_too_much(tmp_path: Path) -> None:
    apart = chapter("any", case("it", ours=10, redis_py=210))
    assert "Time, on a logarithmic scale: less is better." in words(written(apart, tmp_path))
    ours, other = widths_of_bars(drawn(apart))
    assert 1 < other / ours < 10


def test_a_small_bar_of_a_logarithmic_picture_can_be_seen() -> None:
    smallest, _ = widths_of_bars(drawn(chapter("any", case("it", ours=1, redis_py=10_000))))
    assert smallest > 10


def test_whiskers_reach_as_far_as_the_spread() -> None:
    picture = drawn(chapter("any", Case("it", (Figure(OURS, 2, 0.5, 1, 0),))))
    assert whiskers(picture.axes[0]) == [(1, 3)]


def test_what_was_measured_once_has_no_whiskers() -> None:
    assert all(start == end for start, end in whiskers(drawn(MEMORY).axes[0]))


@pytest.mark.parametrize("each", [*ALL.chapters, *RESULTS.chapters], ids=lambda each: each.title)
def test_all_of_a_picture_lies_within_it(each: Chapter) -> None:
    picture = drawn(each)
    taken, (width, height) = picture.get_tightbbox(), picture.get_size_inches()
    assert taken.xmin > -SLACK
    assert taken.ymin > -SLACK
    assert taken.xmax < width + SLACK
    assert taken.ymax < height + SLACK


@pytest.mark.parametrize("each", RESULTS.chapters, ids=lambda each: each.name)
def test_the_labels_of_an_axis_do_not_touch(each: Chapter) -> None:
    axes = drawn(each).axes[-1]
    low, high = axes.get_xlim()
    labels = [
        label.get_window_extent()
        for place, label in zip(axes.get_xticks(), axes.get_xticklabels(), strict=True)
        if low <= place <= high
    ]
    assert len(labels) >= 2
    assert all(there.x0 > here.x1 for here, there in itertools.pairwise(labels))


@pytest.mark.parametrize("each", ALL.chapters, ids=lambda each: each.name)
def test_a_picture_is_as_wide_as_a_phone_and_its_words_are_not_small(
    each: Chapter, tmp_path: Path
) -> None:
    picture = written(each, tmp_path)
    assert picture.attrib["width"] == "360pt"
    sizes = re.findall(r"font-size: ([\d.]+)px", ET.tostring(picture, encoding="unicode"))
    assert min(map(float, sizes)) >= 12


@pytest.mark.parametrize("page", [LIGHT, DARK])
def test_a_picture_can_be_read_in_the_light_and_in_the_dark(page: str, tmp_path: Path) -> None:
    picture = written(ALL.chapters[0], tmp_path)
    assert min(contrast(each, page) for each in colours(picture, "text")) > 3.8
    assert min(contrast(each, page) for each in colours(picture, "path")) > 3


def test_a_chapter_without_figures_has_no_picture(tmp_path: Path) -> None:
    assert plots.write(results(chapter("execution_api")), tmp_path) == []


def test_the_same_results_make_the_same_bytes(tmp_path: Path) -> None:
    first, second = (
        [path.read_bytes() for path in plots.write(ALL, tmp_path / name)]
        for name in ("first", "second")
    )
    assert first == second


@pytest.mark.parametrize("each", RESULTS.chapters, ids=lambda each: each.name)
def test_the_documentation_shows_the_results_that_it_has(each: Chapter, tmp_path: Path) -> None:
    shown = ET.fromstring((DOCS / f"{each.name}.svg").read_text(encoding="utf-8"))
    assert words(shown) == words(written(each, tmp_path))
