"""``redis-state get``."""

from __future__ import annotations

import argparse
import sys
from functools import partial
from typing import Any

from redis_state.admin.store import Store
from redis_state.cli import exits, output, texts
from redis_state.cli.context import overlapping
from redis_state.cli.messages import nothing_found
from redis_state.cli.output import Column, Row
from redis_state.cli.scopes import in_words, scope_of
from redis_state.cli.state import Shown, State
from redis_state.cli.values import decoded
from redis_state.scopes import Entry

_FIELDS = ("key", "value", "updated_at", "expires_at", "earlier_run", "unreadable")


def run(given: argparse.Namespace) -> int:
    """Show one value, or all of a task or an asset."""
    show = _show_all if given.key is None else _show_one
    return overlapping(given, partial(show, given))


async def _show_all(given: argparse.Namespace, store: Store) -> int:
    state = await State.find(store, scope_of(given))
    out = output.output(given.output, _FIELDS, _COLUMNS)
    count = 0
    async for shown in state.values():
        count += 1
        out.add(_row(shown, await _text(given, state, shown.entry)))
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
    output.write_record(given.output, _row(Shown(given.key, entry), text))
    return exits.DONE


async def _text(given: argparse.Namespace, state: State, entry: Entry | None) -> str:
    if entry is None:
        return ""
    if not given.resolve:
        return entry.value
    resolved = await state.resolved(entry.value)
    return "null" if resolved is None else resolved


def _row(shown: Shown, text: str) -> dict[str, Any]:
    entry = shown.entry
    return {
        "key": shown.key,
        "value": None if entry is None else decoded(text),
        "updated_at": entry and entry.updated_at,
        "expires_at": entry and entry.expires_at,
        "earlier_run": shown.is_of_earlier_run,
        "unreadable": shown.unreadable or None,
    }


def _shown_value(row: Row) -> str:
    if row["unreadable"]:
        return f"unreadable: {row['unreadable']}"
    earlier = " (of an earlier run)" if row["earlier_run"] else ""
    return output.as_json(row["value"]) + earlier


def _expiry(row: Row) -> str:
    return "" if row["unreadable"] else output.expiry("expires_at", "").text(row)


_COLUMNS = (
    output.text("key"),
    Column("value", _shown_value),
    Column("written", lambda row: "" if row["unreadable"] else output.ago("updated_at").text(row)),
    Column("expires", _expiry),
)
