"""``redis-state import``."""

from __future__ import annotations

import argparse
from contextlib import aclosing
from functools import partial
from pathlib import Path

import anyio

from redis_state.admin.archive.files import Source
from redis_state.admin.archive.importing import Expiry, Import, ImportReport, expiry_of_tasks
from redis_state.admin.migration.values import Outcome
from redis_state.admin.store import Store
from redis_state.cli import exits, output, texts
from redis_state.cli.context import overlapping
from redis_state.cli.parsing import UsageError
from redis_state.cli.progress import progress
from redis_state.errors import StateStoreError, UnavailableError
from redis_state.format import envelope

_TO_STDIN = "-"
# What JSON makes of a byte at most, and what a line has beside its value.
_LONGEST_ESCAPE = 6
_MOST_NAMES = 1_000_000
_OUTCOMES = {
    Outcome.WRITTEN: "written",
    Outcome.THERE: "already there",
    Outcome.NEWER: "newer there, and left",
    Outcome.EXPIRED: "expired",
    Outcome.REFUSED: "refused",
}
_GO_ON = "What was written stays: the same command again goes on from there"


def run(given: argparse.Namespace) -> int:
    """Bring state back from a file."""
    expiry = _expiry(given)
    return overlapping(given, partial(_import, given, expiry))


def _expiry(given: argparse.Namespace) -> Expiry | None:
    if given.retention is not None and given.ignore_expiry:
        raise UsageError("--retention and --ignore-expiry exclude each other: use one of them.")
    if given.retention is not None:
        return expiry_of_tasks(envelope.deadline_after(texts.read_duration(given.retention)))
    return expiry_of_tasks(envelope.NEVER) if given.ignore_expiry else None


async def _import(given: argparse.Namespace, expiry: Expiry | None, store: Store) -> int:
    path = None if given.file == _TO_STDIN else Path(given.file)
    longest = _LONGEST_ESCAPE * store.settings.max_value_bytes + _MOST_NAMES
    importing = Import(
        store, expiry=expiry, any_owner=bool(given.any_owner), is_dry_run=bool(given.dry_run)
    )
    report = importing.report
    try:
        with progress("bytes") as bar:
            async with aclosing(Source(path, longest, bar.show).lines()) as numbered:
                await importing.run(numbered)
    except anyio.get_cancelled_exc_class():
        written = report.outcomes[Outcome.WRITTEN]
        raise exits.Stopped(f"stopped, with {written:,} values written. {_GO_ON}") from None
    except StateStoreError as error:
        if not report.read:
            raise
        _write(given, report, is_whole=False)
        if isinstance(error, UnavailableError):
            raise UnavailableError(f"{error} {_GO_ON}.") from error
        raise
    _write(given, report, is_whole=True)
    return exits.DONE if report.is_complete else exits.FAILED


def _write(given: argparse.Namespace, report: ImportReport, *, is_whole: bool) -> None:
    is_complete = is_whole and report.is_complete
    if given.output in (None, "table", "plain"):
        print(_in_words(report, is_complete=is_complete, is_dry_run=bool(given.dry_run)))
        return
    record = {
        "complete": is_complete,
        "dry_run": bool(given.dry_run),
        "read": report.read,
        **{outcome.name.lower(): report.outcomes[outcome] for outcome in _OUTCOMES},
        "problems": [f"{problem.spot}: {problem.why}" for problem in report.problems],
    }
    output.write_record(given.output, record)


def _in_words(report: ImportReport, *, is_complete: bool, is_dry_run: bool) -> str:
    words = dict(_OUTCOMES)
    if is_dry_run:
        words[Outcome.WRITTEN] = "would be written"
    lines = [f"{report.read:>12,}  values read"]
    lines += [
        f"{count:>12,}  {word}" for each, word in words.items() if (count := report.outcomes[each])
    ]
    lines += [texts.printable(f"{problem.spot}: {problem.why}") for problem in report.problems]
    if is_dry_run:
        lines.append("Nothing was changed.")
    elif is_complete:
        lines.append("Complete: all of the file is there.")
    else:
        lines.append("Not complete: see why, and run it again.")
    return "\n".join(lines)
