"""The same commands as ``airflow redis-state ...``."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

from redis_state.cli.catalog import COMMANDS
from redis_state.cli.command import Command


def get_commands() -> list[Any]:
    """Return what Airflow's command line asks a provider for."""
    from airflow.cli.cli_config import ActionCommand, Arg, GroupCommand  # noqa: PLC0415 - its own

    commands = [
        ActionCommand(
            name=name,
            help=command.help,
            description=command.description or None,
            epilog=command.epilog or None,
            func=_function(command),
            args=[Arg(flags=option.flags, **option.keywords) for option in command.options],
        )
        for command in COMMANDS
        for name in filter(None, (command.name, command.alias))
    ]
    help_ = "Look after the state that tasks and assets keep in Redis"
    return [GroupCommand(name="redis-state", help=help_, subcommands=commands)]


def _function(command: Command) -> Callable[[Any], None]:
    def run_and_exit(given: Any) -> None:
        from redis_state.cli.running import run  # noqa: PLC0415 - when it runs

        sys.exit(run(command, given))

    return run_and_exit
