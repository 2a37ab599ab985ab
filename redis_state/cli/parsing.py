"""From the command line, and the environment behind it, to what a command is given."""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Mapping
from typing import Any, NoReturn

from redis_state import __version__
from redis_state.cli.command import Command, Option

PREFIX = "REDIS_STATE_CLI_"
_TRUE, _FALSE = {"1", "true", "yes", "on"}, {"", "0", "false", "no", "off"}
_DESCRIPTION = "Look after the state that Airflow's tasks and assets keep in Redis."
_EPILOG = """The state of the task that just failed:

  redis-state ls --dag-id DAG                        lists its runs and tasks
  redis-state get --dag-id DAG --run-id RUN --task-id TASK

Is all well?                                         redis-state health
Exit codes: 0 done, 1 a finding or a failure, 2 wrong use, 3 unreachable, 4 nothing found.
"""


class UsageError(Exception):
    """A command that was used in a wrong way."""


def parser(commands: Iterable[Command]) -> argparse.ArgumentParser:
    """Return the parser of `redis-state`."""
    from rich_argparse import RawDescriptionRichHelpFormatter as Formatter  # noqa: PLC0415 - for help

    main = argparse.ArgumentParser(
        prog="redis-state", description=_DESCRIPTION, epilog=_EPILOG, formatter_class=Formatter
    )
    main.add_argument("--version", action="version", version=f"redis-state {__version__}")
    parsers = main.add_subparsers(required=True, metavar="COMMAND")
    for command in commands:
        made = parsers.add_parser(
            command.name,
            help=command.help,
            description=command.description or _sentence(command.help),
            epilog=command.epilog,
            formatter_class=Formatter,
            aliases=[command.alias] if command.alias else [],
        )
        for option in command.options:
            made.add_argument(*option.flags, **option.keywords)
        made.set_defaults(command=command)
    return main


def complete(command: Command, given: argparse.Namespace, variables: Mapping[str, str]) -> None:
    """Take what is not given from the environment."""
    for option in command.options:
        variable = variable_of(option)
        # A variable with a name of its own is the backend's, which reads it.
        if variable and not option.variable and getattr(given, option.name) is None:
            text = variables.get(variable)
            setattr(given, option.name, None if text is None else _read(option, variable, text))


def variable_of(option: Option) -> str:
    """Return the variable that stands in for an option; arguments have none."""
    if not option.flags[0].startswith("-"):
        return ""
    return option.variable or f"{PREFIX}{option.name.upper()}"


def _read(option: Option, variable: str, text: str) -> Any:
    if option.is_switch:
        if text.lower() in _TRUE | _FALSE:
            return text.lower() in _TRUE
        _refuse(variable, "true or false")
    choices = option.more.get("choices")
    if choices and text not in choices:
        _refuse(variable, f"one of {', '.join(choices)}")
    kind = option.more.get("type", str)
    try:
        return kind(text)
    except ValueError:
        _refuse(variable, f"of the type {kind.__name__}")


def _refuse(variable: str, wanted: str) -> NoReturn:
    raise UsageError(f"The variable {variable} of the environment is wrong: it is to be {wanted}.")


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}."
