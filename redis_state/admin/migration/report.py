"""What a migration has done and found."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, NamedTuple, TypeAlias

from redis_state.admin.migration.values import Outcome, Problem

# The rest is counted.
_MOST_PROBLEMS = 20


class Compared(Enum):
    """How a value compares with the one of the other side; its value is what a report says."""

    EQUAL = "equal"
    NEWER = "newer at the target"
    EXPIRED = "expired meanwhile"
    GONE = "of runs and assets that are gone"
    DELETED = "deleted at the source meanwhile"
    UNREADABLE = "unreadable at the source"
    ONLY_SOURCE = "only at the source"
    DIFFERENT = "different"


class Extra(Enum):
    """What of the target is not at the source."""

    # It was deleted there after it had been copied.
    OLD = "only at the target"
    # So the source cannot have had it.
    LATER = "only at the target, and newer than all at the source"
    GONE = "only at the target, of runs and assets that are gone"


class Progress(NamedTuple):
    """How far a step is, in rows or whatever is counted there."""

    step: str
    unit: str
    done: int
    total: int


OnProgress: TypeAlias = Callable[[Progress], None]


@dataclass(slots=True)
class Report:
    """The counts of a migration, which have to add up."""

    source: str
    target: str
    passes: int = 0
    read: int = 0
    outcomes: Counter[Outcome] = field(default_factory=Counter)
    verified: int = 0
    compared: Counter[Compared] = field(default_factory=Counter)
    # None where nobody has looked.
    extra: Counter[Extra] | None = None
    removed_at_target: int = 0
    removed_at_source: int = 0
    problems: list[Problem] = field(default_factory=list)

    @property
    def adds_up(self) -> bool:
        """Tell whether something became of each value that was read."""
        copied, compared = self.outcomes.total(), self.compared.total()
        return (self.read, self.verified) == (copied, compared)

    @property
    def is_equal(self) -> bool:
        """Tell whether all of the source is at the target, and nothing else that is as old."""
        extra = self.extra or Counter()
        bad = self.compared[Compared.ONLY_SOURCE] + self.compared[Compared.DIFFERENT]
        unreadable = self.compared[Compared.UNREADABLE] + self.outcomes[Outcome.UNREADABLE]
        refused = self.outcomes[Outcome.REFUSED]
        left = extra[Extra.OLD] - self.removed_at_target
        return self.adds_up and not (bad or unreadable or refused or left > 0)

    def note(self, problems: list[Problem]) -> None:
        """Keep problems for the report, if they are not too many."""
        for problem in problems:
            if len(self.problems) < _MOST_PROBLEMS and problem not in self.problems:
                self.problems.append(problem)

    def as_dict(self) -> dict[str, Any]:
        """Return all of it, as JSON has it."""
        extra = self.extra
        return {
            "source": self.source,
            "target": self.target,
            "passes": self.passes,
            "read": self.read,
            "copied": {each.name.lower(): self.outcomes[each] for each in Outcome},
            "verified": self.verified,
            "compared": {each.name.lower(): self.compared[each] for each in Compared},
            "only_at_target": (
                None if extra is None else {each.name.lower(): extra[each] for each in Extra}
            ),
            "removed_at_target": self.removed_at_target,
            "removed_at_source": self.removed_at_source,
            "adds_up": self.adds_up,
            "equal": self.is_equal,
            "problems": [f"{problem.spot}: {problem.why}" for problem in self.problems],
        }
