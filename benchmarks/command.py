"""The command line: ``python -m benchmarks``."""

from __future__ import annotations

import argparse
import contextlib
import sys
from collections.abc import Sequence
from pathlib import Path

from benchmarks.chapters import CHAPTERS, ChapterModule, chosen
from benchmarks.chapters.bench import Bench
from benchmarks.contenders.airflow_stores import AirflowStores, open_airflow_stores
from benchmarks.harness.effort import EFFORTS, Effort
from benchmarks.harness.installed import HAS_AIRFLOW
from benchmarks.harness.results import Results, save
from benchmarks.harness.target import Target, open_target
from benchmarks.report import facts
from benchmarks.report.page import render


def main() -> None:
    """Measure, print the page, and keep it where asked."""
    options = _parser().parse_args()
    with open_target(options.url) as target:
        results = _measure(target, EFFORTS[options.effort], options.only)
    if options.json:
        save(results, options.json)
    page = render(results)
    print(page, end="")
    if options.markdown:
        options.markdown.write_text(page, encoding="utf-8")


def _measure(target: Target, effort: Effort, modules: Sequence[ChapterModule]) -> Results:
    known = facts.gather(target)
    possible = [each for each in modules if HAS_AIRFLOW or not each.needs_airflow]
    with contextlib.ExitStack() as stack:
        airflow_stores = AirflowStores()
        if any(each.uses_airflow_stores for each in possible):
            airflow_stores = stack.enter_context(open_airflow_stores())
        bench = Bench(target, effort, airflow_stores.stores)
        missing = dict(airflow_stores.missing)
        chapters = []
        for each in possible:
            target.empty()
            sys.stderr.write(f"--- {each.name}\n")
            chapters.append(each.measure(bench))
            known |= each.facts()
            missing |= each.missing(effort)
    missing |= {each.name: "there is no Airflow here" for each in modules if each not in possible}
    if missing:
        lacks = "; ".join(f"{name}: {reason}" for name, reason in missing.items())
        known["not measured"] = lacks
    return Results(known | airflow_stores.facts, tuple(chapters))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description="Measure redis-state beside what else could keep a task's state.",
    )
    parser.add_argument(
        "--url",
        help="measure this server, in a namespace of its own that is removed at the end, instead "
        "of an embedded one; nothing else should use it meanwhile",
    )
    parser.add_argument(
        "--effort", choices=list(EFFORTS), default="full", help="how much is measured"
    )
    parser.add_argument(
        "--quick",
        action="store_const",
        dest="effort",
        const="quick",
        help="measure little: the figures say nothing",
    )
    names = ",".join(each.name for each in CHAPTERS)
    parser.add_argument(
        "--only", type=_chapters, default=list(CHAPTERS), metavar=names, help="only these chapters"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all figures here too")
    parser.add_argument("--markdown", type=Path, metavar="FILE", help="write the page here too")
    return parser


def _chapters(names: str) -> list[ChapterModule]:
    try:
        return chosen([name for name in names.split(",") if name])
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None
