"""What a command tells beside its result, on stderr, and what it asks."""

from __future__ import annotations

import argparse
import sys

import anyio

from redis_state.cli import exits, texts
from redis_state.cli.parsing import UsageError


def tell(what: str) -> None:
    """Tell what was done, or why nothing was."""
    print(f"redis-state: {texts.printable(what)}.", file=sys.stderr)


def nothing_found(what: str) -> int:
    """Tell that there is nothing, and return the exit code."""
    tell(what)
    return exits.NOTHING_FOUND


async def confirm(given: argparse.Namespace, question: str) -> None:
    """Ask before something is deleted; whoever does not say yes ends the command."""
    if given.yes:
        return
    if not sys.stdin.isatty():
        raise UsageError(f"{question} Nobody is here to answer: add --yes to do so.")
    print(f"{texts.printable(question)} [y/N] ", end="", file=sys.stderr, flush=True)
    # Ctrl-C reaches nobody who holds up the loop; and a thread that reads would hold up the end.
    await anyio.wait_readable(sys.stdin)
    if sys.stdin.readline().strip().lower() not in ("y", "yes"):
        raise exits.Stopped("nothing was deleted")
