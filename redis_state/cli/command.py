"""The command itself: one parser for each thing that it can do, and the exit code."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from redis_state import __version__
from redis_state.cli import health, rotate
from redis_state.cli.options import make_backend
from redis_state.cli.output import FAILED, INTERRUPTED, MISCONFIGURED
from redis_state.errors import MisconfiguredError, StateStoreError


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command, and return its exit code."""
    given = _parser().parse_args(arguments)
    try:
        backend = make_backend(given)
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
    for command in (health, rotate):
        command.add(commands)
    return parser
