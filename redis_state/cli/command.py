"""What a command is: its name, its options, and where its code is.

A command is told apart from its code, which is imported when the command runs: `airflow` reads the
table of commands at each of its calls, whatever it is asked.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import Any, NamedTuple


class Option(NamedTuple):
    """An option or an argument, as `argparse` takes it."""

    flags: tuple[str, ...]
    help: str
    more: Mapping[str, Any] = {}
    # Its variable in the environment, where that is not called after the option.
    variable: str = ""

    @property
    def name(self) -> str:
        """Return the name of its attribute once it is parsed."""
        longest: str = self.more.get("dest") or max(self.flags, key=len)
        return longest.lstrip("-").replace("-", "_")

    @property
    def is_switch(self) -> bool:
        """Tell whether it takes no value."""
        return self.more.get("action") in {"store_true", "count"}

    @property
    def keywords(self) -> dict[str, Any]:
        """Return what `argparse` takes beside the flags."""
        # What is not given is None, a switch too: so a variable can stand in for it.
        unset = {"default": None} if self.is_switch else {}
        return {"help": self.help, **unset, **self.more}


class Command(NamedTuple):
    """A command: `runs` names the module in `redis_state.cli.commands` that has its ``run``."""

    name: str
    help: str
    runs: str
    options: tuple[Option, ...]
    description: str = ""
    epilog: str = ""
    alias: str = ""

    def run(self, given: Any) -> int:
        """Run it, and return the exit code."""
        module = import_module(f"redis_state.cli.commands.{self.runs}")
        code: int = module.run(given)
        return code
