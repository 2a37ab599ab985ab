"""``redis-state rotate``."""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import asdict

from redis_state.admin.rotation import RotationReport
from redis_state.backends.server import RedisStateBackend
from redis_state.cli.options import Commands, add_options
from redis_state.cli.output import FAILED, OK, ProgressBar


def add(commands: Commands) -> None:
    """Add the command's parser."""
    command = commands.add_parser(
        "rotate",
        help="encrypt all values with the newest key",
        description="Encrypt all values that the newest key has not encrypted with it, beside "
        "whoever reads and writes. The exit code is 0 if all values are under it then, 1 if some "
        "are not, 2 if an option is wrong. It may be stopped and run again at any time.",
    )
    command.set_defaults(run=_run, worker=False)
    command.add_argument("--dry-run", action="store_true", help="change nothing: tell what is left")
    add_options(command)


def _run(backend: RedisStateBackend, given: argparse.Namespace) -> int:
    progress = ProgressBar(sys.stderr)
    try:
        report = backend.rotate(progress.show, dry_run=given.dry_run)
    finally:
        progress.end()
    complete = {"complete": report.is_complete}
    print(json.dumps(complete | asdict(report), indent=2) if given.json else _in_words(report))
    return OK if report.is_complete else FAILED


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
        "values and references in all": report.seen,
        "values were under the newest key": report.up_to_date,
        "values are so now": report.reencrypted,
        "values are plain": report.plain_left,
        "values are under an older key": report.older_left,
        "references to worker values, which stay plain": report.references,
        "values cannot be read": report.unreadable,
    }
