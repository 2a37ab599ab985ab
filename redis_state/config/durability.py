"""What a write waits for before it counts as made: nothing more, replicas, or the disk.

The wait follows the write on the same connection, in the same round trip, so it holds up nobody
else, and what it answers is about that write.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from redis_state.errors import DurabilityError

_REPLICAS = re.compile(r"replicas:([1-9][0-9]?)", re.ASCII)


@dataclass(frozen=True, slots=True)
class Durability:
    """How many replicas, and whether the disk, have to confirm a write, and how soon."""

    replicas: int
    disk: bool
    seconds: float

    @property
    def command(self) -> tuple[str | int, ...]:
        """Return what waits."""
        milliseconds = max(1, int(self.seconds * 1000))
        if self.disk:
            return ("WAITAOF", 1, self.replicas, milliseconds)
        return ("WAIT", self.replicas, milliseconds)

    def failure(self, reply: int | list[int]) -> DurabilityError | None:
        """Return the error where fewer have confirmed than was asked."""
        disk, replicas = reply if isinstance(reply, list) else (0, reply)
        if self.disk and not disk:
            return DurabilityError(
                f"The write was made, but Redis did not confirm within {self.seconds:g} s that it "
                "is on disk: it may be lost if the server fails now. Write it again, see why the "
                "disk is slow, or raise [redis_state] durability_timeout."
            )
        if replicas < self.replicas:
            return DurabilityError(
                f"The write was made, but {replicas} of {self.replicas} replicas confirmed it "
                f"within {self.seconds:g} s: it may be lost if the server fails now. Write it "
                "again, see why replicas are away or behind, or ask for fewer with [redis_state] "
                "durability."
            )
        return None


def read_durability(text: str, seconds: float) -> Durability | None:
    """Read the option; None for memory, which waits for nothing more."""
    if text == "memory":
        return None
    if text == "aof":
        return Durability(0, disk=True, seconds=seconds)
    if found := _REPLICAS.fullmatch(text):
        return Durability(int(found[1]), disk=False, seconds=seconds)
    raise ValueError("write memory, aof, or replicas:N, where N is 1 to 99")
