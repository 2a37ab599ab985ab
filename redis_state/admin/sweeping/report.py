"""What a sweep found and removed."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from redis_state.admin.sweeping.reasons import Ownerless, Reason
from redis_state.scopes import StateScope

# Of each reason, so many examples are kept.
_EXAMPLES = 3


@dataclass(slots=True)
class Swept:
    """The values of one reason: how many, their bytes, and some of those whose they were."""

    values: int = 0
    size: int = 0
    examples: list[StateScope] = field(default_factory=list)

    def add(self, each: Ownerless) -> None:
        """Count one more value."""
        self.values += 1
        self.size += each.found.size
        if len(self.examples) < _EXAMPLES and each.found.scope not in self.examples:
            self.examples.append(each.found.scope)


@dataclass
class SweepReport:
    """What a sweep has met, and what of it went, or would go in a dry run."""

    # Live values in all, and those among them that are too young to be looked at.
    seen: int = 0
    young: int = 0
    # Written again between the look at their owner and the deletion: they stay.
    changed: int = 0
    swept: dict[Reason, Swept] = field(
        default_factory=lambda: {reason: Swept() for reason in Reason}
    )

    @property
    def values(self) -> int:
        """Return how many values went in all."""
        return sum(each.values for each in self.swept.values())

    @property
    def size(self) -> int:
        """Return how many bytes they had."""
        return sum(each.size for each in self.swept.values())

    def add(self, ownerless: Iterable[Ownerless]) -> None:
        """Count values that go."""
        for each in ownerless:
            self.swept[each.reason].add(each)
