"""What the routes of tasks and assets have in common."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, cast

from airflow.state import get_state_backend
from fastapi import HTTPException, status

from redis_state.backends.server import RedisStateBackend
from redis_state.scopes import Entry, Listing

# Stands in the place of a value that nobody could read; its text says why.
UNREADABLE = "__redis_state_unreadable__"
# Half a character, which JSON may have and UTF-8 may not; whole ones begin in the same way.
_SURROGATE = "\\ud"
_BEFORE = datetime(1970, 1, 1, tzinfo=UTC)


def backend() -> RedisStateBackend:
    """Return the backend that Airflow has made for this process."""
    return cast("RedisStateBackend", get_state_backend())


def in_order(found: Listing) -> Iterator[tuple[str, Entry]]:
    """Return all keys of a listing in their order; one that cannot be read hides no others."""
    for key in sorted({*found.entries, *found.unreadable}):
        # Half a character is no text that can be sent.
        shown = key.encode("utf-8", "replace").decode()
        if key in found.entries:
            yield shown, found.entries[key]
        else:
            yield shown, Entry(json.dumps({UNREADABLE: found.unreadable[key]}), _BEFORE, None)


def read_json(text: str) -> Any:
    """Return a value; what is no JSON, or what no answer can hold, says so in its place."""
    try:
        value = json.loads(text)
        if _SURROGATE in text:
            json.dumps(value, ensure_ascii=False).encode()
    except (ValueError, RecursionError) as error:
        return {UNREADABLE: f"This cannot be shown: {error}."}
    return value


def not_found(what: str, key: str) -> HTTPException:
    """Return what Airflow answers about a key that is not there."""
    return HTTPException(status.HTTP_404_NOT_FOUND, f"{what} key {key!r} not found")
