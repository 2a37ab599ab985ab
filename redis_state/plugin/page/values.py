"""Some values of a task instance or an asset, as the page shows them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from redis_state.plugin.answers import backend
from redis_state.scopes import Entry, StateScope

# A few, since each may be large.
_AT_A_TIME = 20


@dataclass(frozen=True)
class Values:
    """Some values by key, why others cannot be read, and where they stand among all."""

    entries: dict[str, Entry]
    unreadable: dict[str, str]
    total: int
    offset: int

    @property
    def before(self) -> int | None:
        """Where the values before these begin."""
        return max(0, self.offset - _AT_A_TIME) if self.offset else None

    @property
    def after(self) -> int | None:
        """Where the values after these begin."""
        end = self.offset + _AT_A_TIME
        return end if end < self.total else None


async def values_of(scope: StateScope, offset: int, *, session: Any) -> Values:
    """Read some values."""
    found = await backend().alisting(scope, limit=_AT_A_TIME, offset=offset, session=session)
    return Values(found.entries, found.unreadable, found.total, offset)
