"""``redis-state health``."""

from __future__ import annotations

import argparse
import json

from redis_state.backends.base import RedisBackend
from redis_state.cli.options import Commands, add_options
from redis_state.cli.output import FAILED, OK


def add(commands: Commands) -> None:
    """Add the command's parser."""
    command = commands.add_parser(
        "health",
        help="look at all servers, and tell what is wrong and what to do",
        description="Look at all servers, and tell what is wrong and what to do. The exit code is "
        "0 if the state store works, 1 for a failure, 2 if an option is wrong.",
    )
    command.set_defaults(run=_run)
    command.add_argument(
        "--worker", action="store_true", help="look as a worker does: it uses fewer keys"
    )
    add_options(command)


def _run(backend: RedisBackend, given: argparse.Namespace) -> int:
    health = backend.health()
    print(json.dumps(health.as_dict(), indent=2) if given.json else health)
    return FAILED if health.verdict == "failure" else OK
