"""The few figures that most people want, out of all that a run has measured."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase

from benchmarks.contenders import (
    HASH_PER_INDEX,
    METASTORE_POSTGRESQL,
    OURS,
    OURS_EXPRESS,
    REDIS_PY,
    STRING_AND_INDEX,
)
from benchmarks.harness.results import Case, Figure, Results
from benchmarks.report.markdown import a_second, advantage, amount, table

_HEADER = ("", "against", "redis-state", "the other", "redis-state is")

Row = tuple[str, str, str, str, str]


@dataclass(frozen=True)
class Quantity:
    """What a row shows of a case: how to label it, to write it, and to say which is better."""

    label: str
    show: Callable[[float], str]
    better: str
    worse: str
    is_p99: bool = False


@dataclass(frozen=True)
class Headline:
    """The first cases of a chapter whose names match a pattern, beside a contender."""

    chapter: str
    cases: str
    against: str
    quantity: Quantity
    at_most: int = 1


def _time(seconds: float) -> str:
    return amount(seconds, "seconds")


def _bytes(count: float) -> str:
    return amount(count, "bytes")


_ONE_CALL = Quantity("{}, one thread", _time, "faster", "slower")
_TOGETHER = Quantity("{}: calls a second", a_second, "faster", "slower")
_P99 = Quantity("{}: p99 of a call", _time, "faster", "slower", is_p99=True)
_METASTORE = Quantity("{}: calls a second in process", a_second, "faster", "slower")
_REQUESTS = Quantity(
    "through Airflow's own API, {}: requests a second", a_second, "faster", "slower"
)
_SLOWEST = Quantity("through Airflow's own API, {}: p99", _time, "faster", "slower", is_p99=True)
_STALL = Quantity("{}", _time, "shorter", "longer")
_MEMORY = Quantity("memory of an entry, {}", _bytes, "smaller", "larger")

_HEADLINES = (
    Headline("execution_api", "?et, *", METASTORE_POSTGRESQL, _REQUESTS, at_most=6),
    Headline("execution_api", "?et, 32 clients", METASTORE_POSTGRESQL, _SLOWEST, at_most=2),
    Headline("one_thread", "get, 20 B", REDIS_PY, _ONE_CALL),
    Headline("one_thread", "set with expiry, 20 B", REDIS_PY, _ONE_CALL),
    Headline("threads", "mixed get/set, 40 threads", REDIS_PY, _TOGETHER),
    Headline("threads", "mixed get/set, 40 threads", REDIS_PY, _P99),
    Headline("tasks", "mixed get/set, 100 tasks", REDIS_PY, _TOGETHER),
    Headline("tasks", "mixed get/set, 100 tasks", REDIS_PY, _P99),
    Headline("threads", "get, 1 thread", METASTORE_POSTGRESQL, _METASTORE),
    Headline("threads", "set with expiry, 1 thread", METASTORE_POSTGRESQL, _METASTORE),
    Headline("threads", "get, 8 threads", METASTORE_POSTGRESQL, _METASTORE),
    Headline("threads", "set with expiry, 8 threads", METASTORE_POSTGRESQL, _METASTORE),
    Headline("clear_all", "longest stall*", HASH_PER_INDEX, _STALL),
    Headline("memory", "*unmapped*with expiry*", STRING_AND_INDEX, _MEMORY),
    Headline("memory", "*unmapped*without expiry*", STRING_AND_INDEX, _MEMORY),
)


def in_short(results: Results) -> str:
    """Return a table with a row for each headline whose figures are there."""
    rows = [*_compared(results), *_unrelated_keys(results)]
    return table(_HEADER, rows, words=2) if rows else "This run measured none of it."


def _compared(results: Results) -> Iterator[Row]:
    for headline in _HEADLINES:
        for case in _cases(results, headline.chapter, headline.cases)[: headline.at_most]:
            by_name = {figure.contender: figure for figure in case.figures}
            ours, other = _ours(case), by_name.get(headline.against)
            if ours and other:
                yield from _row(headline.quantity, case.name, ours, other)


def _ours(case: Case) -> Figure | None:
    """Return our figure: the first, or that of the express lane where all are beside another."""
    first = case.figures[0]
    if first.contender == OURS:
        return first
    return next((each for each in case.figures if each.contender == OURS_EXPRESS), None)


def _unrelated_keys(results: Results) -> Iterator[Row]:
    """Compare ours with itself: what a call costs among many keys, beside the same among none."""
    cases = _cases(results, "unrelated_keys", "*")
    if len(cases) > 1:
        alone, among = cases[0], cases[-1]
        ratio = alone.figures[0].median / among.figures[0].median
        yield (
            among.name,
            alone.name,
            _time(among.figures[0].median),
            _time(alone.figures[0].median),
            advantage(ratio, "faster", "slower"),
        )


def _cases(results: Results, chapter: str, pattern: str) -> list[Case]:
    return [
        case
        for each in results.chapters
        if each.name == chapter
        for case in each.cases
        if fnmatchcase(case.name, pattern)
    ]


def _row(quantity: Quantity, case: str, ours: Figure, other: Figure) -> Iterator[Row]:
    mine, theirs, ratio = ours.median, other.median, other.advantage / ours.advantage
    if quantity.is_p99:
        if ours.p99 is None or other.p99 is None:
            return
        mine, theirs, ratio = ours.p99, other.p99, other.p99 / ours.p99
    yield (
        quantity.label.format(case),
        other.contender,
        quantity.show(mine),
        quantity.show(theirs),
        advantage(ratio, quantity.better, quantity.worse),
    )
