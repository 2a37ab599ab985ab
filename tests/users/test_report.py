"""The page of a benchmark run says what was measured, and nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.contenders import HASH_PER_INDEX, OURS, OURS_EXPRESS, REDIS_PY
from benchmarks.harness.results import Case, Chapter, Figure, Unit, load
from benchmarks.report.page import render, write_docs
from tests.support.results import (
    ALL,
    MEMORY,
    ONE_THREAD,
    THREADS,
    UNRELATED,
    case,
    chapter,
    results,
    through_airflow,
)

DOCS = Path(__file__).parents[2] / "docs" / "assets" / "benchmarks"


def cells(line: str) -> list[str]:
    return [cell.strip() for cell in line.strip("|").split("|")]


def rows(page: str, title: str) -> list[list[str]]:
    part = page.split(f"## {title}\n")[1].split("\n## ", maxsplit=1)[0]
    lines = [line for line in part.splitlines() if line.startswith("|")]
    return [cells(line) for line in lines[2:]]


def in_short(*chapters: Chapter) -> list[list[str]]:
    return rows(render(results(*chapters)), "In short")


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


def test_headlines_through_airflows_api_set_the_express_lane_beside_the_metastore() -> None:
    api = chapter(
        "execution_api",
        through_airflow("set, 8 clients", 1e-4),
        through_airflow("get, 32 clients", 2e-4),
        through_airflow("pure ASGI: set, 8 clients", 1e-4),
    )
    against = "metastore, PostgreSQL"
    requests = "through Airflow's own API, {}: requests a second"
    assert in_short(api, ONE_THREAD)[:3] == [
        [requests.format("set, 8 clients"), against, "10,000/s", "1,000/s", "10.0x faster"],
        [requests.format("get, 32 clients"), against, "5,000/s", "1,000/s", "5.00x faster"],
        [
            "through Airflow's own API, get, 32 clients: p99",
            *(against, "800 µs", "4.00 ms", "5.00x faster"),
        ],
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


def test_figures_beside_another_first_contender_tell_how_much_better_each_is() -> None:
    api = chapter(
        "execution_api",
        through_airflow("set, 1 client", 2e-4),
        through_airflow("CPU", 2e-3, unit="seconds"),
        through_airflow("statements", 0.0, unit="statements"),
    )
    page = render(results(api))
    assert "| beside the metastore, PostgreSQL |" in page
    found = [row[1:4] for row in rows(page, api.title)]
    assert [row for row in found if row[0] == OURS_EXPRESS] == [
        [OURS_EXPRESS, "5,000/s ±5%", "5.00x faster ±3%"],
        [OURS_EXPRESS, "2.00 ms ±5%", "2.00x more ±3%"],
        [OURS_EXPRESS, "0.00 ±5%", "none"],
    ]


@pytest.mark.parametrize(
    ("name", "unit", "lane", "row"),
    [
        ("set, 1 client", None, 1e-3 / 4.5, ["set, 1 client", "4.5x faster", "4.50x faster"]),
        ("get, 32 clients", None, 1e-3 / 9, ["get, 32 clients", "9x faster", "9.00x faster"]),
        ("a task's get", "seconds", 1e-3 / 2.6, ["a task's get", "2.6x faster", "2.60x faster"]),
        (
            *("CPU of the server, set, 8 clients", "seconds", 599e-6),
            ["CPU of the server, set, 8 clients", "under 600 µs", "599 µs"],
        ),
    ],
)
def test_a_target_is_told_with_what_was_measured_and_whether_it_is_reached(
    name: str, unit: Unit | None, lane: float, row: list[str]
) -> None:
    def told(median: float) -> list[list[str]]:
        api = chapter("execution_api", through_airflow(name, median, unit=unit))
        return [line for line in rows(render(results(api)), api.title) if line[0] == name]

    assert [*row, "reached"] in told(lane * 0.9999)
    (missed,) = (line for line in told(lane * 1.01) if line[1] == row[1])
    assert missed[-1] == "missed"


def test_the_slowest_requests_have_a_target_of_their_own() -> None:
    api = chapter("execution_api", through_airflow("set, 32 clients", 1e-3 / 9.5))
    found = rows(render(results(api)), api.title)
    assert ["set, 32 clients: p99", "10x faster", "9.50x faster", "missed"] in found


def test_without_the_express_lane_there_are_no_targets() -> None:
    old = chapter("execution_api", case("set, 1 client", ours=1, postgresql=2))
    assert "is to be" not in render(results(old))


def test_a_line_in_a_name_does_not_split_a_table() -> None:
    page = render(results(chapter("tasks", case("a|b", ours=1))))
    assert "a\\|b" in page


def test_what_is_done_a_few_times_has_its_worst_case_instead_of_percentiles() -> None:
    page = render(results(chapter("clear_all", case("clear, all", ours=20))))
    assert "p99 |" not in page
    assert rows(page, "Title of clear_all") == [
        ["clear, all", "redis-state", "20.0 µs ±5%", "", "80.0 µs"]
    ]


def test_a_chapter_without_figures_says_so() -> None:
    assert "Not measured in this run." in render(results(chapter("execution_api")))


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


def test_the_documentation_gets_a_part_for_each_chapter(tmp_path: Path) -> None:
    written = write_docs(ALL, tmp_path / "benchmarks")
    names = ("one_thread", "threads", "unrelated_keys", "memory")
    assert {path.name for path in written} == {
        *("in-short.md", "method.md", "facts.md"),
        *(f"{name}.md" for name in names),
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


def test_the_documentation_shows_the_results_that_it_has(tmp_path: Path) -> None:
    for path in write_docs(load(DOCS / "results.json"), tmp_path):
        assert path.read_text(encoding="utf-8") == (DOCS / path.name).read_text(encoding="utf-8")
