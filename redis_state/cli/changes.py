"""What has changed in a scope from one look to the next."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, NamedTuple

from redis_state.cli.state import Shown
from redis_state.cli.values import decoded

SET, DELETED, ENDED = "set", "deleted", "ended"


class Change(NamedTuple):
    """A value that was set, or is there no more."""

    key: str
    kind: str
    shown: Shown


def changes(before: Mapping[str, Shown], now: Mapping[str, Shown]) -> list[Change]:
    """List what differs, by key."""
    changed = [Change(key, SET, now[key]) for key in now if before.get(key) != now[key]]
    gone = [Change(key, DELETED, before[key]) for key in before if key not in now]
    return sorted(changed + gone)


def row_of(change: Change) -> dict[str, Any]:
    """Return a change as programs read it."""
    entry = change.shown.entry if change.kind == SET else None
    return {
        "at": datetime.now(UTC),
        "change": change.kind,
        "key": change.key,
        "value": None if entry is None else decoded(entry.value),
        "updated_at": None if entry is None else entry.updated_at,
        "expires_at": None if entry is None else entry.expires_at,
    }
