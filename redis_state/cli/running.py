"""Running a command: how it ends, whatever comes in between."""

from __future__ import annotations

import argparse
import logging
import os
import sys
from collections.abc import Sequence

from redis_state.cli import exits, texts
from redis_state.cli.catalog import COMMANDS
from redis_state.cli.command import Command
from redis_state.cli.parsing import UsageError, complete, parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command of `redis-state`, and return its exit code."""
    try:
        given = _parsed(arguments)
    except KeyboardInterrupt:
        return exits.INTERRUPTED
    return run(given.command, given)


def _parsed(arguments: Sequence[str] | None) -> argparse.Namespace:
    import argcomplete  # noqa: PLC0415 - not for Airflow's own command line, which has it

    made = parser(COMMANDS)
    # Where a shell asks for completions, this ends the process.
    argcomplete.autocomplete(made, always_complete_options=False)
    return made.parse_args(arguments)


def run(command: Command, given: argparse.Namespace) -> int:
    """Run a command, and return its exit code."""
    try:
        complete(command, given, os.environ)
        if given.verbose:
            logging.basicConfig(level=logging.INFO, stream=sys.stderr)
        code = command.run(given)
        sys.stdout.flush()
    except BrokenPipeError:
        # Python would write what is left at its end, and complain.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return exits.CLOSED_PIPE
    except KeyboardInterrupt:
        return _end("stopped; what was done stays done", exits.INTERRUPTED)
    except exits.Stopped as stopped:
        return _end(f"{stopped}.", exits.INTERRUPTED)
    except UsageError as error:
        return _end(error, exits.WRONG_USE)
    except Exception as error:  # noqa: BLE001 - what is not ours is raised again
        code = _code_of(error)
        return _end(error, code)
    return code


def _code_of(error: Exception) -> int:
    # Not at the top, for whoever only wants help or another command of Airflow's.
    from redis_state import errors  # noqa: PLC0415

    if isinstance(error, errors.UnavailableError):
        return exits.UNREACHABLE
    if isinstance(error, (errors.InvalidInputError, errors.MisconfiguredError)):
        return exits.WRONG_USE
    if isinstance(error, errors.StateStoreError):
        return exits.FAILED
    raise error


def _end(reason: object, code: int) -> int:
    print(f"redis-state: {texts.printable(str(reason))}", file=sys.stderr)
    return code
