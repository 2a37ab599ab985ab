"""``redis-state rotate``."""

from __future__ import annotations

import argparse
from dataclasses import asdict

from redis_state.admin.rotation import RotationProgress, RotationReport
from redis_state.cli import exits, output
from redis_state.cli.context import backend_of
from redis_state.cli.progress import progress


def run(given: argparse.Namespace) -> int:
    """Encrypt all values with the newest key."""
    with backend_of(given) as backend, progress("keys") as bar:

        def show(at: RotationProgress) -> None:
            bar.show(at.keys_done, at.keys_total)

        report = backend.rotate(show, dry_run=given.dry_run)
    if given.output in (None, "table", "plain"):
        print(_in_words(report))
    else:
        state = {"complete": report.is_complete, "dry_run": bool(given.dry_run)}
        output.write_record(given.output, state | asdict(report))
    return exits.DONE if report.is_complete else exits.FAILED


def _in_words(report: RotationReport) -> str:
    lines = [f"{count:>12,}  {meaning}" for meaning, count in _counts(report).items() if count]
    lines += report.problems
    if report.is_complete:
        lines.append("Complete: no value needs an older key any more.")
    else:
        lines.append("Not complete: keep the older keys, and run it again.")
    return "\n".join(lines)


def _counts(report: RotationReport) -> dict[str, int]:
    return {
        "values read, references among them": report.seen,
        "already encrypted with the newest key": report.up_to_date,
        "encrypted with it now": report.reencrypted,
        "plain": report.plain_left,
        "under an older key": report.older_left,
        "references to worker values, which stay plain": report.references,
        "unreadable": report.unreadable,
    }
