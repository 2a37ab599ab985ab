"""``redis-state sweep``."""

from __future__ import annotations

import argparse
from dataclasses import replace
from functools import partial
from typing import Any

from redis_state.admin.store import Store
from redis_state.admin.sweeping import GRACE, Options, Reason, Sweep, SweepReport
from redis_state.airflow.owners import Database, is_server_side
from redis_state.backends.server import RedisStateBackend
from redis_state.cli import exits, output, texts
from redis_state.cli.context import overlapping
from redis_state.cli.kept import in_words, whose
from redis_state.cli.messages import confirm, tell
from redis_state.cli.output import Column, Row
from redis_state.cli.parsing import UsageError
from redis_state.cli.progress import progress

_FIELDS = ("reason", "values", "bytes", "examples")
_MEANINGS = {
    Reason.DELETED_RUN: "its run was deleted",
    Reason.EARLIER_RUN: "of an earlier run with the same id",
    Reason.DELETED_ASSET: "its asset was deleted",
    Reason.NO_REFERENCE: "worker value without a reference",
}


def run(given: argparse.Namespace) -> int:
    """Remove what has no owner."""
    options, database = _options(given), Database()
    done = SweepReport()
    try:
        return overlapping(given, partial(_sweep, given, options, database, done))
    except KeyboardInterrupt:
        raise exits.Stopped(
            f"{_in_words('deleted', done)}; it was stopped, and goes on when it is run again"
        ) from None


def _options(given: argparse.Namespace) -> Options:
    for name in ("limit", "batch_size"):
        number = getattr(given, name)
        if number is not None and number < 1:
            raise UsageError(f"--{name.replace('_', '-')} is {number}: it is to be 1 or more.")
    return Options(
        grace=GRACE if given.grace is None else texts.read_duration(given.grace),
        has_references=is_server_side(RedisStateBackend),
        dag_id=given.dag_id,
        limit=given.limit,
        batch_size=given.batch_size or Options.batch_size,
        dry_run=bool(given.dry_run),
    )


async def _sweep(
    given: argparse.Namespace,
    options: Options,
    database: Database,
    done: SweepReport,
    store: Store,
) -> int:
    if options.dry_run or not given.yes:
        found = await _once(Sweep(store, database, replace(options, dry_run=True)))
        if options.dry_run or not found.values:
            _show(given.output, found)
            tell(_in_words("would delete" if options.dry_run else "deleted", found))
            return exits.DONE
        how_much = f"{texts.values(found.values)} ({texts.size(found.size)})"
        await confirm(
            given, f"Delete {how_much} without an owner in the namespace {store.namespace}?"
        )
    sweep = Sweep(store, database, options, done)
    report = await _once(sweep)
    _show(given.output, report)
    tell(_in_words("deleted", report))
    return exits.DONE


async def _once(sweep: Sweep) -> SweepReport:
    with progress("keys") as bar:
        return await sweep.run(bar.show)


def _show(name: str | None, report: SweepReport) -> None:
    columns = (
        Column("reason", lambda row: _MEANINGS[row["reason"]]),
        output.number("values"),
        output.size("bytes"),
        Column("for example", _first_example),
    )
    out = output.output(name, _FIELDS, columns)
    for reason, swept in report.swept.items():
        examples: list[Any] = [whose(scope) for scope in swept.examples]
        out.add(
            {
                "reason": reason.value,
                "values": swept.values,
                "bytes": swept.size,
                "examples": examples,
            }
        )
    out.end()


def _first_example(row: Row) -> str:
    return in_words(row["examples"][0]) if row["examples"] else ""


def _in_words(did: str, report: SweepReport) -> str:
    parts = [
        f"{did} {report.values:,} of {report.seen:,} values ({texts.size(report.size)})",
        *([f"{report.young:,} are too young to be looked at"] if report.young else ()),
        *([f"{report.changed:,} were written again meanwhile and stay"] if report.changed else ()),
    ]
    return "; ".join(parts)
