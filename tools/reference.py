"""Makes docs/assets/commands/reference.md from the table of commands: ``make sync`` runs it."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

from redis_state.cli.catalog import COMMANDS
from redis_state.cli.command import Command, Option
from redis_state.cli.options import COMMON
from redis_state.cli.parsing import variable_of

ROOT = Path(__file__).parents[1]
SHOWN = ROOT / "docs/assets/commands"
REFERENCE = SHOWN / "reference.md"
# Where they work, they show nothing.
SILENT = ("set", "update")
OUTPUTS = {
    "80": ("80 columns", "text"),
    "200": ("200 columns", "text"),
    "json": ("-o json", "json"),
    "jsonl": ("-o jsonl", "json"),
    "plain": ("-o plain", "text"),
}


def main() -> None:
    """Write the reference; with ``--check``, only compare."""
    text = "\n".join(line for command in COMMANDS for line in of_command(command))
    if "--check" not in sys.argv:
        REFERENCE.write_text(text, encoding="utf-8")
    elif text != REFERENCE.read_text(encoding="utf-8"):
        sys.exit(f"{REFERENCE.relative_to(ROOT)} is not what the commands say: run make sync.")


def of_command(command: Command) -> Iterator[str]:
    """Describe a command: what it does, its options, and what it shows."""
    yield f"## {command.name}\n"
    also = f" Also called `{command.alias}`." if command.alias else ""
    yield f"{command.description or sentence(command.help)}{also}\n"
    own = [option for option in command.options if option not in COMMON]
    if own:
        yield "| option | what it means |"
        yield "|---|---|"
        for option in own:
            yield f"| {flags(option)} | {option.help.replace('|', ' or ')} |"
        yield ""
    if command.name in SILENT:
        yield "It shows nothing. `get` shows what is there then:\n"
    yield from of_outputs(command.name)


def of_outputs(name: str) -> Iterator[str]:
    """Show what a command shows: in terminals of two widths, and in a pipe."""
    for kind, (title, language) in OUTPUTS.items():
        shown = SHOWN / f"{name}-{kind}.txt"
        if shown.exists():
            yield f'=== "{title}"\n'
            yield f"    ```{language}"
            yield f'    --8<-- "assets/commands/{shown.name}"'
            yield "    ```\n"


def flags(option: Option) -> str:
    """Return an option as it is written."""
    if not variable_of(option):
        return f"`{option.flags[0].upper()}`"
    value = "" if option.is_switch else f" {option.name.upper()}"
    return ", ".join(f"`{flag}{value}`" for flag in option.flags)


def sentence(text: str) -> str:
    """Return a text as a sentence."""
    return f"{text[:1].upper()}{text[1:]}."


if __name__ == "__main__":
    main()
