"""The page and the pictures of a benchmark run say what was measured, and nothing else."""

from __future__ import annotations

import itertools
import re
from collections.abc import Sequence
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from benchmarks.contenders import (
    DICT,
    HASH_PER_INDEX,
    METASTORE_POSTGRESQL,
    OURS,
    REDIS_PY,
    STRING_AND_INDEX,
)
from benchmarks.harness.results import Case, Chapter, Figure, Results, Unit
from benchmarks.report import plots, svg
from benchmarks.report.axis import axis_for
from benchmarks.report.page import render, write_docs

MICROSECOND = 1e-6
SVG = "{http://www.w3.org/2000/svg}"


def figure(contender: str, median: float, ours: float, *, spread: float = 0.05) -> Figure:
    return Figure(contender, median, spread, median / ours, 0.03, median * 0.9, median * 4)


def case(name: str, **medians: float) -> Case:
    """Name contenders by keywords with underscores, ours first, in microseconds."""
    names = {"ours": OURS, "redis_py": REDIS_PY, "dict": DICT, "postgresql": METASTORE_POSTGRESQL}
    ours = medians["ours"]
    figures = [
        figure(names[key], median * MICROSECOND, ours * MICROSECOND)
        for key, median in medians.items()
    ]
    return Case(name, tuple(figures))


def chapter(name: str, *cases: Case, unit: Unit = "seconds") -> Chapter:
    return Chapter(name, f"Title of {name}", f"Sentence of {name}.", unit, cases)


def results(*chapters: Chapter) -> Results:
    return Results({"server": "valkey 9.1.0", "not measured": "object storage"}, chapters)


ONE_THREAD = chapter(
    "one_thread",
    case("get, 20 B", ours=20, redis_py=50, postgresql=1500, dict=0.5),
    case("delete, 20 B", ours=30, redis_py=24),
)
THREADS = chapter(
    "threads",
    case("mixed get/set, 40 threads", ours=20, redis_py=80),
    case("get, 8 threads", ours=25, postgresql=500),
)
UNRELATED = chapter(
    "unrelated_keys",
    case("clear, 0 unrelated keys", ours=40),
    case("clear, 1,000,000 unrelated keys", ours=50),
)
MEMORY = chapter(
    "memory",
    Case(
        "1,000 unmapped task instances, with expiry",
        (Figure(OURS, 140, 0, 1, 0), Figure(STRING_AND_INDEX, 280, 0, 2, 0)),
    ),
    unit="bytes",
)
ALL = results(ONE_THREAD, THREADS, UNRELATED, MEMORY)


def cells(line: str) -> list[str]:
    return [cell.strip() for cell in line.strip("|").split("|")]


def rows(page: str, title: str) -> list[list[str]]:
    part = page.split(f"## {title}\n")[1].split("\n## ", maxsplit=1)[0]
    lines = [line for line in part.splitlines() if line.startswith("|")]
    return [cells(line) for line in lines[2:]]


def in_short(*chapters: Chapter) -> list[list[str]]:
    return rows(render(results(*chapters)), "In short")


def draw(each: Chapter) -> ET.Element:
    return ET.fromstring(plots.draw(each))


def words(picture: ET.Element) -> list[str]:
    return [element.text or "" for element in picture.iter(f"{SVG}text")]


def width_of_bars(picture: ET.Element) -> list[float]:
    return [float(element.attrib["width"]) for element in picture.iter(f"{SVG}rect")]


def test_a_headline_has_both_figures_and_says_how_many_times_faster_ours_is() -> None:
    assert in_short(ONE_THREAD) == [
        ["get, 20 B, one thread", "redis-py", "20.0 µs", "50.0 µs", "2.50x faster"]
    ]


def test_a_headline_tells_a_disadvantage_as_such() -> None:
    slower = chapter("one_thread", case("get, 20 B", ours=20, redis_py=10))
    assert in_short(slower)[0][-1] == "2.00x slower"


def test_a_headline_about_many_threads_tells_calls_a_second_and_the_slowest_calls() -> None:
    assert in_short(THREADS) == [
        [
            "mixed get/set, 40 threads: calls a second",
            "redis-py",
            "50,000/s",
            "12,500/s",
            "4.00x faster",
        ],
        [
            "mixed get/set, 40 threads: p99 of a call",
            "redis-py",
            "80.0 µs",
            "320 µs",
            "4.00x faster",
        ],
        [
            "get, 8 threads: calls a second in process",
            "metastore, PostgreSQL",
            "40,000/s",
            "2,000/s",
            "20.0x faster",
        ],
    ]


def test_a_headline_compares_clear_among_many_keys_with_the_same_among_none() -> None:
    assert in_short(UNRELATED) == [
        [
            "clear, 1,000,000 unrelated keys",
            "clear, 0 unrelated keys",
            "50.0 µs",
            "40.0 µs",
            "1.25x slower",
        ]
    ]


def test_a_headline_about_memory_is_in_bytes() -> None:
    assert in_short(MEMORY) == [
        [
            "memory of an entry, 1,000 unmapped task instances, with expiry",
            "string + index",
            "140 B",
            "280 B",
            "2.00x smaller",
        ]
    ]


@pytest.mark.parametrize(
    "missing",
    [
        chapter("one_thread", case("get, 20 B", ours=20, dict=1)),
        chapter("one_thread", case("get, 64 KiB", ours=20, redis_py=50)),
        chapter("unrelated_keys", case("clear, 0 unrelated keys", ours=40)),
        chapter("anything", case("get, 20 B", ours=20, redis_py=50)),
    ],
    ids=["contender", "case", "base", "chapter"],
)
def test_what_was_not_measured_is_no_headline(missing: Chapter) -> None:
    assert "This run measured none of it." in render(results(missing))


def test_headlines_about_memory_and_stalls_are_of_the_first_case_alone() -> None:
    stalls = [
        Case(
            f"longest stall, {name}", (Figure(OURS, 1, 0, 1, 0), Figure(HASH_PER_INDEX, 9, 0, 9, 0))
        )
        for name in ("large", "small")
    ]
    assert in_short(chapter("clear_all", *stalls)) == [
        ["longest stall, large", "hash per index", "1.00 s", "9.00 s", "9.00x shorter"]
    ]


def test_a_headline_without_single_calls_has_no_p99() -> None:
    bare = Case(
        "mixed get/set, 40 threads",
        (Figure(OURS, 2e-5, 0.1, 1, 0.1), Figure(REDIS_PY, 4e-5, 0.1, 2, 0.1)),
    )
    assert [row[0] for row in in_short(chapter("threads", bare))] == [
        "mixed get/set, 40 threads: calls a second"
    ]


@pytest.mark.parametrize("each", ALL.chapters, ids=lambda each: each.name)
def test_the_table_of_a_chapter_has_every_case_with_every_contender(each: Chapter) -> None:
    found = rows(render(ALL), each.title)
    assert [row[1] for row in found] == [f.contender for case in each.cases for f in case.figures]
    assert [row[0] for row in found if row[0]] == [case.name for case in each.cases]


def test_a_row_of_a_chapter_has_median_advantage_and_percentiles() -> None:
    ours, redis_py, *_ = rows(render(ALL), ONE_THREAD.title)
    assert ours == ["get, 20 B", "redis-state", "20.0 µs ±5%", "", "18.0 µs", "80.0 µs"]
    assert redis_py == ["", "redis-py", "50.0 µs ±5%", "2.50x faster ±3%", "45.0 µs", "200 µs"]


def test_what_was_measured_once_has_no_spread_and_no_percentiles() -> None:
    assert rows(render(ALL), MEMORY.title) == [
        ["1,000 unmapped task instances, with expiry", "redis-state", "140 B", ""],
        ["", "string + index", "280 B", "2.00x smaller"],
    ]


def test_a_line_in_a_name_does_not_split_a_table() -> None:
    page = render(results(chapter("tasks", case("a|b", ours=1))))
    assert "a\\|b" in page


def test_what_is_done_a_few_times_has_its_worst_case_instead_of_percentiles() -> None:
    page = render(results(chapter("clear_all", case("clear, all", ours=20))))
    assert "p99 |" not in page
    assert rows(page, "Title of clear_all") == [
        ["clear, all", "redis-state", "20.0 µs ±5%", "", "80.0 µs"]
    ]


def test_a_chapter_without_figures_says_so_and_has_no_picture(tmp_path: Path) -> None:
    empty = results(chapter("execution_api"))
    assert "Not measured in this run." in render(empty)
    assert plots.write(empty, tmp_path) == []


def test_the_page_names_the_facts_and_what_was_not_measured() -> None:
    assert rows(render(ALL), "Where") == [
        ["server", "valkey 9.1.0"],
        ["not measured", "object storage"],
    ]


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        (4.56e-7, "0.46 µs"),
        (9.999e-6, "10.0 µs"),
        (9.996e-5, "100 µs"),
        (9.99e-4, "999 µs"),
        (0.00123, "1.23 ms"),
        (2.5, "2.50 s"),
        (1234.5, "1,234 s"),
    ],
)
def test_a_time_is_shown_in_the_unit_that_suits_it(seconds: float, shown: str) -> None:
    page = render(results(chapter("any", Case("it", (Figure(OURS, seconds, 0, 1, 0),)))))
    assert rows(page, "Title of any")[0][2] == shown


def test_a_picture_has_each_contender_with_its_figure() -> None:
    tasks = chapter(
        "tasks",
        case("mixed get/set, 1 task", ours=20, redis_py=80),
        case("mixed get/set, 10 tasks", ours=25, redis_py=100),
    )
    assert words(draw(tasks)) == [
        "Title of tasks",
        "Calls a second: more is better.",
        "mixed get/set, 1 task",
        *("redis-state", "50,000/s", "redis-py", "12,500/s"),
        "mixed get/set, 10 tasks",
        *("redis-state", "40,000/s", "redis-py", "10,000/s"),
        *("0", "10,000/s", "20,000/s", "30,000/s", "40,000/s", "50,000/s"),
    ]


def test_a_picture_tells_its_figures_to_those_who_cannot_see_it() -> None:
    picture = draw(MEMORY)
    assert picture.findtext(f"{SVG}title") == "Title of memory"
    assert picture.findtext(f"{SVG}desc") == (
        "1,000 unmapped task instances, with expiry: redis-state 140 B, string + index 280 B."
    )


def test_names_may_hold_what_xml_reserves() -> None:
    name = 'a < b & "c"'
    odd = chapter("any", Case(name, (Figure(name, 1, 0.1, 1, 0.1),)))
    assert words(draw(odd)).count(name) == 2


def test_a_long_name_of_a_contender_takes_two_lines() -> None:
    name = "object storage on a disk that is far away"
    long = chapter("any", Case("it", (Figure(OURS, 1, 0, 1, 0), Figure(name, 2, 0, 2, 0))))
    assert {"object storage on a disk", "that is far away"} <= set(words(draw(long)))


def test_bars_are_as_long_as_their_figures_while_all_of_them_can_be_seen() -> None:
    ours, other = width_of_bars(draw(chapter("any", case("it", ours=10, redis_py=190))))
    assert other / ours == pytest.approx(19, rel=0.01)


def test_a_picture_is_logarithmic_when_contenders_differ_too_much() -> None:
    picture = draw(chapter("any", case("it", ours=10, redis_py=210)))
    ours, other = width_of_bars(picture)
    assert "Time, on a logarithmic scale: less is better." in words(picture)
    assert 1 < other / ours < 10


def test_whiskers_reach_as_far_as_the_spread() -> None:
    picture = draw(chapter("any", Case("it", (Figure(OURS, 1, 0.5, 1, 0),))))
    bar = next(picture.iter(f"{SVG}rect"))
    left, width = float(bar.attrib["x"]), float(bar.attrib["width"])
    paths = [path.attrib["d"] for path in picture.iter(f"{SVG}path")]
    ends = [float(end) for path in paths for end in re.findall(r"H([\d.]+)", path)]
    assert ends == pytest.approx([left + width / 2, left + width * 3 / 2], abs=0.2)


def test_what_was_measured_once_has_no_whiskers() -> None:
    paths = [path.attrib["d"] for path in draw(MEMORY).iter(f"{SVG}path")]
    assert not [path for path in paths if "H" in path]


@pytest.mark.parametrize("each", ALL.chapters, ids=lambda each: each.name)
def test_all_of_a_picture_lies_within_it(each: Chapter) -> None:
    picture = draw(each)
    _, _, width, height = map(float, picture.attrib["viewBox"].split())
    for text in picture.iter(f"{SVG}text"):
        room = svg.width_of(text.text or "", bold="font-weight" in text.attrib)
        before = {"start": 0.0, "middle": room / 2, "end": room}[text.attrib["text-anchor"]]
        start = float(text.attrib["x"]) - before
        assert start >= 0
        assert start + room <= width
        assert 0 < float(text.attrib["y"]) < height
    assert all(0 < long < width for long in width_of_bars(picture))


@pytest.mark.parametrize(
    "values", [(3, 40), (1, 21), (0.4, 5900), (1e-7, 3.0), (142, 297)], ids=str
)
def test_the_labels_of_an_axis_do_not_touch(values: Sequence[float]) -> None:
    axis = axis_for(values, max(values), 200, 440)
    places = [axis.place(mark) for mark in axis.marks(lambda _: 60)]
    assert len(places) >= 2
    assert all(there - here > 60 for here, there in itertools.pairwise(places))


def test_a_small_bar_of_a_logarithmic_picture_can_be_seen() -> None:
    axis = axis_for((1.0, 10_000.0), 10_000, 200, 440)
    assert axis.place(1.0) > axis.left + 10


def test_the_documentation_gets_a_part_for_each_chapter_and_its_picture(tmp_path: Path) -> None:
    written = write_docs(ALL, tmp_path / "benchmarks")
    names = ("one_thread", "threads", "unrelated_keys", "memory")
    assert {path.name for path in written} == {
        *("in-short.md", "method.md", "facts.md"),
        *(f"{name}.md" for name in names),
        *(f"{name}.svg" for name in names),
    }
    assert all(path.exists() for path in written)


def test_the_parts_of_the_documentation_bring_no_headings_of_their_own(tmp_path: Path) -> None:
    for path in write_docs(ALL, tmp_path):
        assert not path.read_text(encoding="utf-8").startswith("#")


def test_the_same_results_make_the_same_bytes(tmp_path: Path) -> None:
    first, second = (
        {path.name: path.read_bytes() for path in write_docs(ALL, tmp_path / name)}
        for name in ("first", "second")
    )
    assert first == second
