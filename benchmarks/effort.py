"""How much is measured: the full run, and a quick one that only shows that all of it works."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class MappedTask:
    """A mapped task to fill and clear, and how often."""

    indices: int
    keys: int
    value_bytes: int
    repetitions: int


@dataclass(frozen=True)
class Effort:
    """The rounds and the sizes of a run."""

    warm_up_rounds: int
    verb_rounds: int
    calls_per_round: int
    mixed_rounds: int
    mixed_calls_per_round: int
    mapped_tasks: tuple[MappedTask, ...]
    unmapped_instances: int
    tasks_with_indices: int
    indices_of_each: int


FULL = Effort(
    warm_up_rounds=2,
    verb_rounds=50,
    calls_per_round=100,
    mixed_rounds=16,
    mixed_calls_per_round=1000,
    mapped_tasks=(
        MappedTask(indices=10_000, keys=5, value_bytes=25, repetitions=5),
        MappedTask(indices=1_536, keys=5, value_bytes=90, repetitions=12),
    ),
    unmapped_instances=100_000,
    tasks_with_indices=50,
    indices_of_each=1_000,
)

QUICK = Effort(
    warm_up_rounds=1,
    verb_rounds=8,
    calls_per_round=50,
    mixed_rounds=4,
    mixed_calls_per_round=400,
    mapped_tasks=(
        MappedTask(indices=2_000, keys=5, value_bytes=25, repetitions=3),
        MappedTask(indices=1_536, keys=5, value_bytes=90, repetitions=3),
    ),
    unmapped_instances=5_000,
    tasks_with_indices=5,
    indices_of_each=500,
)
