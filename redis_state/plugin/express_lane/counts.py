"""How many requests took the lane, how many passed it by and why, and how many asked together."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from redis_state.airflow.metrics import Meter, meter
from redis_state.airflow.sides import SERVER


@dataclass
class Counts:
    """What one process has counted since it began; told to Airflow's metrics where those are on."""

    answered: int = 0
    # By the reason.
    passed: Counter[str] = field(default_factory=Counter)
    # By how many requests shared a look into the metadata database.
    batches: Counter[int] = field(default_factory=Counter)
    meter: Meter | None = None

    def has_answered(self) -> None:
        """Count a request that the lane answered."""
        self.answered += 1
        if self.meter is not None:
            self.meter.took_express_lane()

    def has_passed(self, reason: str) -> None:
        """Count a request that Airflow's own route had to answer."""
        self.passed[reason] += 1
        if self.meter is not None:
            self.meter.passed_express_lane(reason)

    def has_looked_up(self, requests: int) -> None:
        """Count a look into the metadata database, for so many requests."""
        self.batches[requests] += 1
        if self.meter is not None:
            self.meter.looked_up(requests)


COUNTS = Counts()


def begin() -> Counts:
    """Return the counts of this process, which are told to Airflow's metrics from now on."""
    COUNTS.meter = meter(SERVER)
    return COUNTS
