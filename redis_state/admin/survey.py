"""What a task or an asset keeps, at a glance: how much, until when, and its biggest values.

Values are met in short steps, and never read. What is kept of them here is bounded, and so are the
steps: a survey that ends before it has met all says so.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple

from redis_state.admin.steps import Ask, Steps
from redis_state.errors import StateStoreError
from redis_state.format import envelope, layout
from redis_state.format.pages import parse
from redis_state.operations.survey import Position, Seen, Walked, WalkPages

# Of each kind of noteworthy value, so many are kept.
NOTED = 10
_MOST_INSTANCES = 10_000
_MOST_STEPS = 2_000


class Noted(NamedTuple):
    """A value that is worth a look: the bytes that it takes, and when it expires, if ever."""

    map_index: int
    key: str
    size: int
    expires_at: datetime | None


class Tally(NamedTuple):
    """What one instance keeps; ``next_expiry`` is the first moment at which a value goes."""

    keys: int = 0
    size: int = 0
    permanent: int = 0
    next_expiry: datetime | None = None

    def plus(self, noted: Noted) -> Tally:
        """Return the tally with one more value."""
        moments = [each for each in (self.next_expiry, noted.expires_at) if each is not None]
        return Tally(
            self.keys + 1,
            self.size + noted.size,
            self.permanent + (noted.expires_at is None),
            min(moments, default=None),
        )


@dataclass
class Survey:
    """What is kept in all, and by each map index; -1 is that of what is not mapped.

    The first permanent values that were met are noted, and of all, the biggest. Beyond 10,000
    instances, values count in ``total`` alone. A value that is ``unreadable``, since its header is
    damaged, counts nowhere else; one that was met twice, since others were written meanwhile, does
    so twice.
    """

    instances: dict[int, Tally] = field(default_factory=dict)
    total: Tally = field(default_factory=Tally)
    biggest: list[Noted] = field(default_factory=list)
    permanent: list[Noted] = field(default_factory=list)
    unreadable: int = 0
    is_complete: bool = True


def survey(namespace: str, pages: Sequence[str], incarnation: int) -> Steps[Survey]:
    """Go through the pages of one scope."""
    found, position = Survey(), Position()
    for _ in range(_MOST_STEPS):
        walked: Walked = yield Ask(WalkPages(pages, position))
        now = envelope.now()
        for seen in walked.seen:
            _count(found, namespace, seen, now, incarnation)
        if walked.next is None:
            break
        position = walked.next
    found.is_complete = walked.next is None
    found.instances = dict(sorted(found.instances.items()))
    return found


def _count(found: Survey, namespace: str, seen: Seen, now: int, incarnation: int) -> None:
    parsed = parse(namespace, seen.page.encode(), seen.field)
    if parsed is None:
        return
    scope, key = parsed
    try:
        header = envelope.read_header(seen.start, seen.page, key)
    except StateStoreError:
        found.unreadable += 1
        return
    if header.is_live(now, incarnation):
        never = header.expires_at == envelope.NEVER
        _note(
            found,
            Noted(
                getattr(scope, "map_index", layout.UNMAPPED),
                key,
                seen.size - envelope.SIZE,
                None if never else envelope.to_datetime(header.expires_at),
            ),
        )


def _note(found: Survey, noted: Noted) -> None:
    index = noted.map_index
    found.total = found.total.plus(noted)
    if index in found.instances or len(found.instances) < _MOST_INSTANCES:
        found.instances[index] = found.instances.get(index, Tally()).plus(noted)
    if noted.expires_at is None and len(found.permanent) < NOTED:
        found.permanent.append(noted)
    if len(found.biggest) < NOTED or noted.size > found.biggest[-1].size:
        found.biggest = sorted([*found.biggest, noted], key=lambda each: -each.size)[:NOTED]
