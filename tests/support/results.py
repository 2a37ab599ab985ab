"""Results of a benchmark run, made up."""

from __future__ import annotations

from benchmarks.contenders import (
    DICT,
    METASTORE_POSTGRESQL,
    OURS,
    OURS_EXPRESS,
    REDIS_PY,
    STRING_AND_INDEX,
)
from benchmarks.harness.results import Case, Chapter, Figure, Results, Unit

MICROSECOND = 1e-6


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


def through_airflow(name: str, lane: float, *, unit: Unit | None = None) -> Case:
    """Set the express lane beside a metastore that takes a millisecond."""
    medians = {METASTORE_POSTGRESQL: 1e-3, OURS: 8e-4, OURS_EXPRESS: lane}
    return Case(name, tuple(figure(who, median, 1e-3) for who, median in medians.items()), unit)


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
