"""What every chapter is given."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from benchmarks.contenders import Store
from benchmarks.harness.effort import Effort
from benchmarks.harness.target import Target


@dataclass(frozen=True)
class Bench:
    """The server that is measured, how much of it, and the contenders that need no Redis.

    ``airflow_stores`` are Airflow's own backends, opened once for all chapters, as far as they are
    to be had.
    """

    target: Target
    effort: Effort
    airflow_stores: Mapping[str, Store] = field(default_factory=dict)
