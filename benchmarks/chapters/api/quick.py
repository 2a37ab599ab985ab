"""The quick look: what `python -m benchmarks.through_airflow` does."""

from __future__ import annotations

import argparse
import asyncio
from collections.abc import Mapping, Sequence

from benchmarks.chapters.api import rates, statements
from benchmarks.contenders import BARE_ANSWER, DICT, OURS, OURS_EXPRESS, postgresql
from benchmarks.contenders.execution_api.databases import baseline, metadata_database
from benchmarks.contenders.execution_api.stack import Contender, api_servers
from benchmarks.harness.results import Case, Figure
from benchmarks.harness.target import open_target
from benchmarks.report.markdown import a_second, amount, table, three_digits

_NAMES = {
    "redis-state": OURS,
    "lane": OURS_EXPRESS,
    "dict": DICT,
    "204": BARE_ANSWER,
}


def main() -> None:
    """Measure, and print the table."""
    options = _parser().parse_args()
    names = [baseline(), *(_NAMES[each] for each in options.contenders.split(","))]
    with (
        metadata_database() as database,
        open_target(None) as target,
        api_servers(names, database, target, max(options.clients)) as contenders,
    ):
        cases = asyncio.run(_measure(database, contenders, options))
    print(_as_table(cases))
    print("\nIn brackets: how many times as good as the metastore. ± is half of the range between")
    print("the quartiles of the rounds.")


async def _measure(
    database: str, contenders: Mapping[str, Contender], options: argparse.Namespace
) -> list[Case]:
    amount = rates.Amount(options.rounds, options.seconds)
    async with rates.connected(contenders) as tasks:
        counted = []
        if postgresql.can_count() and not postgresql.lack():
            some = [name for name in contenders if name != BARE_ANSWER]
            counted = await statements.measure(database, tasks, some)
        measured = await rates.measure(contenders, tasks, amount, options.clients)
    return [*measured, *counted]


def _as_table(cases: Sequence[Case]) -> str:
    names = [figure.contender for figure in cases[0].figures]
    rows = [[name, *(_cell(case, name) for case in cases)] for name in names]
    columns = [list(column) for column in zip(["", *(c.name for c in cases)], *rows, strict=True)]
    heads, *body = columns
    rotated = [[column[0], *column[1:]] for column in body]
    return table(heads, rotated)


def _cell(case: Case, contender: str) -> str:
    for figure in case.figures:
        if figure.contender == contender:
            return _shown(case, figure)
    return ""


def _shown(case: Case, figure: Figure) -> str:
    ratio = f"({three_digits(1 / figure.advantage)}x)" if figure.advantage else ""
    spread = f"±{figure.spread:.0%}"
    if case.unit == "statements":
        return f"{three_digits(figure.median)} {ratio}"
    if case.unit == "seconds":
        return f"{amount(figure.median, 'seconds')} {spread} {ratio}"
    p99 = f"p99 {amount(figure.p99, 'seconds')}" if figure.p99 else ""
    return f"{a_second(figure.median)} {spread} {ratio} {p99}"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.through_airflow")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=0.4, help="about how long a turn takes")
    parser.add_argument("--clients", type=_numbers, default=rates.CLIENTS, metavar="1,8,32")
    parser.add_argument(
        "--contenders",
        default=",".join(_NAMES),
        metavar=",".join(_NAMES),
        help="only these, beside the metastore",
    )
    return parser


def _numbers(text: str) -> tuple[int, ...]:
    return tuple(int(each) for each in text.split(","))
