"""The quick look: what `python -m benchmarks.through_airflow` does."""

from __future__ import annotations

import argparse
import asyncio
from collections.abc import Sequence

from benchmarks.chapters.api import rates, statements, waiting
from benchmarks.contenders import (
    BARE_ANSWER,
    DICT,
    METASTORE_PURE_ASGI,
    OURS,
    OURS_EXPRESS,
    OURS_EXPRESS_PURE_ASGI,
    OURS_PURE_ASGI,
    postgresql,
)
from benchmarks.contenders.execution_api import lane_counts
from benchmarks.contenders.execution_api.databases import baseline, metadata_database
from benchmarks.contenders.execution_api.stack import Servers, api_servers
from benchmarks.harness.installed import HAS_AIRFLOW
from benchmarks.harness.results import Case, Figure
from benchmarks.harness.target import open_target
from benchmarks.report.markdown import a_second, amount, table, three_digits

_NAMES = {
    "redis-state": OURS,
    "lane": OURS_EXPRESS,
    "dict": DICT,
    "204": BARE_ANSWER,
}
_PURE_ASGI = {
    "metastore-pure": METASTORE_PURE_ASGI,
    "redis-state-pure": OURS_PURE_ASGI,
    "lane-pure": OURS_EXPRESS_PURE_ASGI,
}
_NO_TASKS = (DICT, BARE_ANSWER)
_ALL = _NAMES | _PURE_ASGI


def main() -> None:
    """Measure, and print the table."""
    parser = _parser()
    options = parser.parse_args()
    if not HAS_AIRFLOW:
        parser.error("there is no Airflow here: see `make bench-quick`")
    names = [baseline(), *(_ALL[each] for each in options.contenders)]
    with (
        metadata_database() as database,
        open_target(None) as target,
        api_servers(
            names, database, target, max(rates.CLIENTS), log_level=options.log_level
        ) as servers,
    ):
        cases = asyncio.run(_measure(servers, options))
        if not options.no_tasks:
            named = [each for each in names if each not in _NO_TASKS]
            cases += waiting.measure(servers, named, options.rounds)
        counts = servers.lane_counts() if OURS_EXPRESS in names else None
    print(_as_table(cases))
    print("\nIn brackets: how many times as good as the metastore. ± is half of the range between")
    print("the quartiles of the rounds.")
    if counts:
        print(f"\n{lane_counts.in_words(counts)} Sizes of its batches: {counts['batches']}")


async def _measure(servers: Servers, options: argparse.Namespace) -> list[Case]:
    contenders = servers.contenders
    amount = rates.Amount(options.rounds, options.seconds)
    async with rates.connected(contenders) as tasks:
        counted = []
        if postgresql.can_count() and not postgresql.lack():
            some = [name for name in contenders if name != BARE_ANSWER]
            counted = await statements.measure(servers.database, tasks, some, options.seconds)
        measured = await rates.measure(contenders, tasks, amount, clients=options.clients)
    return [*measured, *counted]


def _as_table(cases: Sequence[Case]) -> str:
    names = [figure.contender for figure in cases[0].figures]
    return table(
        ["", *names], [[case.name, *(_cell(case, name) for name in names)] for case in cases]
    )


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
        type=_contenders,
        default=list(_NAMES),
        metavar=",".join(_ALL),
        help=f"these beside the metastore, not {','.join(_NAMES)}",
    )
    parser.add_argument("--no-tasks", action="store_true", help="start no processes of tasks")
    parser.add_argument(
        "--log-level", default="INFO", help="WARNING: no line in the log for each request"
    )
    return parser


def _contenders(text: str) -> list[str]:
    names = text.split(",")
    if unknown := set(names) - set(_ALL):
        raise argparse.ArgumentTypeError(f"no contender: {', '.join(sorted(unknown))}")
    return names


def _numbers(text: str) -> tuple[int, ...]:
    return tuple(int(each) for each in text.split(","))
