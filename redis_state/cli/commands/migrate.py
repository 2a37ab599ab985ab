"""``redis-state migrate``."""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import TypeVar

import anyio

from redis_state.admin.migration.migration import Migration
from redis_state.admin.migration.report import Compared, Extra, Report
from redis_state.admin.migration.values import Outcome
from redis_state.cli import exits, output, texts
from redis_state.cli.messages import confirm, tell
from redis_state.cli.migration_sides import check_owners, open_sides
from redis_state.cli.parsing import UsageError
from redis_state.cli.progress import Bars
from redis_state.errors import StateStoreError, UnavailableError

T = TypeVar("T")
_GO_ON = "What was copied stays: run the same command again, and it goes on from there."


def run(given: argparse.Namespace) -> int:
    """Copy all state from one store to another."""
    if given.verify_only and (given.dry_run or given.delete_extra or given.delete_source):
        raise UsageError("--verify-only changes nothing: leave out the other options, or itself.")
    if (given.delete_extra or given.delete_source) and not (given.yes or sys.stdin.isatty()):
        raise UsageError("Nobody is here to say yes to what is to be deleted: add --yes.")
    return anyio.run(partial(_migrate, given))


async def _migrate(given: argparse.Namespace) -> int:
    async with open_sides(given) as (source, target):
        await check_owners(source, target, claim=not (given.dry_run or given.verify_only))
        migration = Migration(source.side, target.side)
        with _how_to_go_on(migration.report):
            with _bars(migration):
                await _copy_and_compare(given, migration)
            if not given.dry_run:
                try:
                    await _delete(given, migration)
                except exits.Stopped as stopped:
                    tell(str(stopped))
    report = migration.report
    _write(given, report)
    if given.dry_run:
        return exits.DONE if report.adds_up else exits.FAILED
    is_equal = report.is_equal and not (given.verify_only and _is_ahead(report))
    return exits.DONE if is_equal else exits.FAILED


async def _copy_and_compare(given: argparse.Namespace, migration: Migration) -> None:
    if not given.verify_only:
        await migration.copy(dry_run=bool(given.dry_run))
    if not given.dry_run:
        await migration.verify(repair=not given.verify_only)


async def _delete(given: argparse.Namespace, migration: Migration) -> None:
    report = migration.report
    old = (report.extra or Counter())[Extra.OLD]
    if given.delete_extra and old:
        how_much = texts.values(old)
        await confirm(given, f"Delete at the target what the source has no more: {how_much}?")
        with _bars(migration):
            await migration.remove_extra()
    if not given.delete_source:
        return
    if not report.is_equal:
        tell("nothing was deleted at the source, since not all of it is at the target")
        return
    how_much = texts.values(report.compared[Compared.EQUAL])
    await confirm(given, f"Delete at the source what is at the target: {how_much}?")
    with _bars(migration):
        await migration.remove_source()


@contextmanager
def _bars(migration: Migration) -> Iterator[None]:
    # None is shown while something is asked.
    with Bars() as bars:
        migration.on_progress = bars.show
        yield


@contextmanager
def _how_to_go_on(report: Report) -> Iterator[None]:
    cancelled = anyio.get_cancelled_exc_class()
    try:
        yield
    except cancelled:
        written = report.outcomes[Outcome.WRITTEN]
        raise exits.Stopped(f"stopped, with {written:,} values written. {_GO_ON[:-1]}") from None
    except UnavailableError as error:
        raise UnavailableError(f"{error} {_GO_ON}") from error
    except StateStoreError as error:
        raise type(error)(f"{error} {_GO_ON}") from error


def _is_ahead(report: Report) -> bool:
    """Tell whether tasks have used the target already."""
    return bool(report.compared[Compared.NEWER] or (report.extra or Counter())[Extra.LATER])


def _write(given: argparse.Namespace, report: Report) -> None:
    if given.output in (None, "table", "plain"):
        print(_in_words(report, is_dry_run=given.dry_run))
    else:
        output.write_record(given.output, {"dry_run": bool(given.dry_run)} | report.as_dict())


def _in_words(report: Report, *, is_dry_run: bool) -> str:
    lines = [f"From {report.source}", f"to   {report.target}"]
    if report.passes:
        times = "once" if report.passes == 1 else f"in {report.passes} passes"
        lines.append(f"{report.read:>12,}  values read, {times}")
        written = {Outcome.WRITTEN: "would be written" if is_dry_run else "written"}
        lines += _counts(report.outcomes, {each: written.get(each, each.value) for each in Outcome})
    if not is_dry_run:
        lines.append(f"{report.verified:>12,}  values compared")
        lines += _counts(report.compared, {each: each.value for each in Compared})
        lines += _counts(report.extra or Counter(), {each: each.value for each in Extra})
        for count, where in (
            (report.removed_at_target, "target"),
            (report.removed_at_source, "source"),
        ):
            lines += [f"{count:>12,}  deleted at the {where}"] if count else []
    lines += [f"{problem.spot}: {problem.why}" for problem in report.problems]
    return "\n".join([*lines, _verdict(report, is_dry_run=is_dry_run)])


def _counts(counts: Counter[T], words: dict[T, str]) -> list[str]:
    return [f"{counts[each]:>12,}  {word}" for each, word in words.items() if counts[each]]


def _verdict(report: Report, *, is_dry_run: bool) -> str:
    if not report.adds_up:
        return "The counts do not add up: run it again, and report this."
    if is_dry_run:
        return "Nothing was changed."
    if report.is_equal:
        return "Complete: all of the source is at the target."
    if (report.extra or Counter())[Extra.OLD] > report.removed_at_target:
        return (
            "Not equal: the target has values that the source has no more. See them with "
            "--verify-only, delete them with --delete-extra."
        )
    return "Not equal: run it again; if it stays so, see the lines above."
