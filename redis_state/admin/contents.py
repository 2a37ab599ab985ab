"""What a namespace keeps, scope by scope: how many values, how many bytes, and until when."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass
from datetime import datetime

from redis_state.admin.walking import Found, Walk
from redis_state.format import envelope
from redis_state.scopes import StateScope


@dataclass(slots=True)
class Kept:
    """What one scope keeps; ``next_expiry`` is the first moment at which a value goes."""

    scope: StateScope
    of_worker: bool
    keys: int = 0
    size: int = 0
    permanent: int = 0
    next_expiry: datetime | None = None
    updated_at: datetime | None = None

    def add(self, found: Found) -> None:
        """Count one more value."""
        self.keys += 1
        self.size += found.size
        updated_at = envelope.to_datetime(found.header.updated_at)
        self.updated_at = max(self.updated_at or updated_at, updated_at)
        if has_no_end(found):
            self.permanent += 1
        else:
            expires_at = envelope.to_datetime(found.header.expires_at)
            self.next_expiry = min(self.next_expiry or expires_at, expires_at)


def has_no_end(found: Found) -> bool:
    """Tell whether a value stays until it is deleted."""
    deadline = found.header.expires_at
    return deadline == envelope.NEVER or (found.of_worker and envelope.is_bound(deadline))


async def contents(
    walk: Walk, is_wanted: Callable[[StateScope], bool] = lambda _: True
) -> AsyncGenerator[Kept]:
    """Go through a namespace, and tell each scope that is wanted and has live values.

    The instances of a mapped task share pages, and no scope has more than one.
    """
    open_pages: dict[str, dict[StateScope, Kept]] = {}
    async with walk.batches() as batches:
        async for batch in batches:
            now = envelope.now()
            for found in batch.values:
                if found.header.is_live(now) and is_wanted(found.scope):
                    scopes = open_pages.setdefault(found.page, {})
                    kept = scopes.get(found.scope)
                    if kept is None:
                        kept = scopes[found.scope] = Kept(found.scope, found.of_worker)
                    kept.add(found)
            for page, _ in batch.ended:
                for each in open_pages.pop(page.name, {}).values():
                    yield each
