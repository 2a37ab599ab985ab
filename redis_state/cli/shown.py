"""The values of one scope, as rows of a result."""

from __future__ import annotations

from typing import Any

from redis_state.cli import output, texts
from redis_state.cli.output import Column, Row
from redis_state.cli.state import Shown
from redis_state.cli.values import decoded

# What a table has of a value, in characters.
_MOST = 2_000
FIELDS = ("key", "value", "updated_at", "expires_at", "earlier_run", "unreadable")


def row_of(shown: Shown, text: str | None = None) -> dict[str, Any]:
    """Return the row of a value; ``text`` is what it shows, where that is not what is kept."""
    entry = shown.entry
    if text is None:
        text = "" if entry is None else entry.value
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
    return _abridged(output.as_json(row["value"])) + earlier


def _abridged(text: str) -> str:
    if len(text) <= _MOST:
        return text
    return f"{text[:_MOST]}... ({texts.size(len(text))}: -o json shows all of it)"


def _expiry(row: Row) -> str:
    return "" if row["unreadable"] else output.expiry("expires_at", "").text(row)


COLUMNS = (
    output.text("key"),
    Column("value", _shown_value),
    Column("written", lambda row: "" if row["unreadable"] else output.ago("updated_at").text(row)),
    Column("expires", _expiry),
)
