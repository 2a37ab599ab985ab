"""The command ``redis-state``: looks after the servers of a deployment.

Options come from where the backend has them; no password is taken from the command line, where
every user of the machine could read it.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any, TextIO

from redis_state import __version__
from redis_state.admin.health import Health
from redis_state.admin.rotation import RotationProgress, RotationReport
from redis_state.backends.base import RedisBackend
from redis_state.backends.server import RedisStateBackend
from redis_state.backends.worker import RedisWorkerBackend
from redis_state.config.url import read_credentials
from redis_state.errors import MisconfiguredError, StateStoreError

OK, FAILED, MISCONFIGURED = 0, 1, 2
# As shells have it for Ctrl-C.
INTERRUPTED = 130


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command, and return its exit code."""
    given = _parser().parse_args(arguments)
    try:
        backend = _backend(given)
        try:
            code: int = given.run(backend, given)
        finally:
            backend.close()
    except MisconfiguredError as error:
        return _end(error, MISCONFIGURED)
    except StateStoreError as error:
        return _end(error, FAILED)
    except KeyboardInterrupt:
        return _end("stopped; what was done stays done", INTERRUPTED)
    return code


def _end(reason: object, code: int) -> int:
    print(f"redis-state: {reason}", file=sys.stderr)
    return code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="redis-state", description="Look after the state store of Apache Airflow in Redis."
    )
    parser.add_argument("--version", action="version", version=f"redis-state {__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    health = commands.add_parser(
        "health",
        help="look at all servers, and tell what is wrong and what to do",
        description="Look at all servers, and tell what is wrong and what to do. The exit code is "
        "0 if the state store works, 1 for a failure, 2 if an option is wrong.",
    )
    health.set_defaults(run=_health)
    health.add_argument(
        "--worker", action="store_true", help="look as a worker does: it uses fewer keys"
    )
    _add_settings(health)
    rotate = commands.add_parser(
        "rotate",
        help="encrypt all values anew with the newest key",
        description="Encrypt all values anew that the newest key has not encrypted, beside "
        "whoever reads and writes. The exit code is 0 if all values are under it then, 1 if some "
        "are not, 2 if an option is wrong. It may be stopped and run again at any time.",
    )
    rotate.set_defaults(run=_rotate, worker=False)
    rotate.add_argument("--dry-run", action="store_true", help="change nothing: tell what is left")
    _add_settings(rotate)
    return parser


def _add_settings(command: argparse.ArgumentParser) -> None:
    command.add_argument("--json", action="store_true", help="write JSON")
    command.add_argument(
        "--url", help="the server, without a password: set REDIS_STATE_PASSWORD for that"
    )
    command.add_argument("--username", help="the ACL user")
    command.add_argument("--namespace", help="what all keys begin with")


def _backend(given: argparse.Namespace) -> RedisBackend:
    names = ("url", "username", "namespace")
    options: dict[str, Any] = {
        name: getattr(given, name) for name in names if getattr(given, name) is not None
    }
    if "url" in options:
        _refuse_password(options["url"])
        # What the command line says goes before a connection that is configured.
        options["redis_conn_id"] = None
    kind = RedisWorkerBackend if given.worker else RedisStateBackend
    return kind(**options)


def _refuse_password(url: str) -> None:
    try:
        _, password = read_credentials(url)
    except ValueError as error:
        raise MisconfiguredError(f"--url is wrong: {error}.") from None
    if password is not None:
        raise MisconfiguredError(
            "--url holds a password, which every user of this machine can read in the list of "
            "processes: leave it out, and set REDIS_STATE_PASSWORD in the environment."
        )


def _health(backend: RedisBackend, given: argparse.Namespace) -> int:
    health: Health = backend.health()
    print(json.dumps(health.as_dict(), indent=2) if given.json else health)
    return FAILED if health.verdict == "failure" else OK


def _rotate(backend: RedisStateBackend, given: argparse.Namespace) -> int:
    progress = _Progress(sys.stderr)
    try:
        report = backend.rotate(progress.tell, dry_run=given.dry_run)
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


class _Progress:
    """Shows how far it is: a bar where somebody looks on, else a line for each tenth."""

    _WIDTH = 40

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._is_watched = stream.isatty()
        self._shown = -1

    def tell(self, progress: RotationProgress) -> None:
        """Show it, unless it looks as before."""
        done, total = progress.keys_done, progress.keys_total
        percent = 100 * done // total if total else 100
        step = percent if self._is_watched else percent // 10 * 10
        if step == self._shown:
            return
        self._shown = step
        told = f"{percent:3} %  {done:,} of {total:,} keys"
        if self._is_watched:
            bar = "#" * (self._WIDTH * percent // 100)
            self._stream.write(f"\r[{bar:.<{self._WIDTH}}] {told}")
        else:
            self._stream.write(f"redis-state: {told}\n")
        self._stream.flush()

    def end(self) -> None:
        """Leave the line of the bar."""
        if self._is_watched and self._shown >= 0:
            self._stream.write("\n")
