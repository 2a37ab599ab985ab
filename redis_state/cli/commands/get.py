"""``redis-state get``."""

from __future__ import annotations

import argparse
import sys
from functools import partial

from redis_state.admin.store import Store
from redis_state.cli import exits, output, texts
from redis_state.cli.context import overlapping
from redis_state.cli.messages import nothing_found
from redis_state.cli.scopes import in_words, scope_of
from redis_state.cli.shown import COLUMNS, FIELDS, row_of
from redis_state.cli.state import Shown, State
from redis_state.scopes import Entry


def run(given: argparse.Namespace) -> int:
    """Show one value, or all of a task or an asset."""
    show = _show_all if given.key is None else _show_one
    return overlapping(given, partial(show, given))


async def _show_all(given: argparse.Namespace, store: Store) -> int:
    state = await State.find(store, scope_of(given))
    out = output.output(given.output, FIELDS, COLUMNS)
    count = 0
    async for shown in state.values():
        count += 1
        out.add(row_of(shown, await _text(given, state, shown.entry)))
    out.end()
    return exits.DONE if count else nothing_found(f"{in_words(state.scope)} has no state")


async def _show_one(given: argparse.Namespace, store: Store) -> int:
    state = await State.find(store, scope_of(given))
    entry = await state.value(given.key)
    if entry is None:
        return nothing_found(f"{in_words(state.scope)} has no {given.key!r}")
    text = await _text(given, state, entry)
    if given.output in (None, "table", "plain"):
        # As it is for a program; and for a terminal, what it may show.
        sys.stdout.write((texts.printable(text) if sys.stdout.isatty() else text) + "\n")
        return exits.DONE
    output.write_record(given.output, row_of(Shown(given.key, entry), text))
    return exits.DONE


async def _text(given: argparse.Namespace, state: State, entry: Entry | None) -> str:
    if entry is None:
        return ""
    if not given.resolve:
        return entry.value
    resolved = await state.resolved(entry.value)
    return "null" if resolved is None else resolved
