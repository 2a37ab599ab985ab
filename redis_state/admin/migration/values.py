"""What is copied: a value with its name and its times, and what became of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import NamedTuple, Protocol

from anyio.streams.memory import MemoryObjectSendStream

from redis_state.format import envelope
from redis_state.format.references import refer
from redis_state.scopes import StateScope

# The most values, and bytes of values, that are under way together.
BATCH_SIZE = 500
BATCH_BYTES = 2_000_000
# Microseconds.
_AHEAD = 10_000_000


class Spot(NamedTuple):
    """The name of a value."""

    scope: StateScope
    key: str
    of_worker: bool = False

    def __str__(self) -> str:
        return refer(self.scope, self.key).partition(":")[2]


class Value(NamedTuple):
    """A value; its body is the text, or its whole envelope where both sides keep the same.

    ``updated_at`` is in milliseconds, ``expires_at`` in microseconds or 0 for never.
    """

    spot: Spot
    updated_at: int
    expires_at: int
    incarnation: int
    body: bytes

    def is_over(self) -> bool:
        """Tell whether the value has expired."""
        return self.expires_at != envelope.NEVER and self.expires_at <= envelope.now()

    def is_nearly_over(self) -> bool:
        """Tell whether the value has expired by a clock that is a little ahead."""
        return self.expires_at != envelope.NEVER and self.expires_at <= envelope.now() + _AHEAD

    def equals(self, other: Value) -> bool:
        """Tell whether the other is the same value; what nobody knows is equal to anything."""
        known = {self.incarnation, other.incarnation} - {envelope.UNKNOWN}
        times = (self.updated_at, self.expires_at) == (other.updated_at, other.expires_at)
        return times and len(known) <= 1 and self.body == other.body


class Outcome(Enum):
    """What became of a value that was read; its value is what a report says of it."""

    WRITTEN = "written"
    THERE = "already there"
    NEWER = "newer at the target, and left"
    EXPIRED = "expired"
    GONE = "of runs and assets that are gone"
    REFUSED = "refused by the target"
    UNREADABLE = "unreadable at the source"


class Problem(NamedTuple):
    """A value that could not be read or written, and why."""

    spot: str
    why: str


@dataclass(slots=True)
class Batch:
    """Some values that were read together."""

    values: list[Value] = field(default_factory=list)
    unreadable: list[Problem] = field(default_factory=list)
    # How far the reader is, of how much; in whatever it counts.
    done: int = 0
    total: int = 0


class Written(NamedTuple):
    """What became of some values, and the problems among them."""

    outcomes: list[Outcome]
    problems: list[Problem]


class Lookup(NamedTuple):
    """The values that are there under some names, and the names that have no place there."""

    there: dict[Spot, Value]
    gone: set[Spot]


class Side(Protocol):
    """Where values are copied from or to, and what its reader counts."""

    name: str
    unit: str

    async def read(
        self, since: int, batches: MemoryObjectSendStream[Batch], *, with_bodies: bool = True
    ) -> None:
        """Read all values, or those updated since then (ms), and send them in batches."""

    async def find(self, values: Sequence[Value]) -> Lookup:
        """Look up what is there under the names of some values."""

    async def write(self, values: Sequence[Value]) -> Written:
        """Write values where none is there or an older one."""

    async def remove(self, values: Sequence[Value]) -> int:
        """Remove values that still are as they were read; return how many."""
