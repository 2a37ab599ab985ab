"""How much is measured: all of it, or little, which only shows that all of it works."""

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
    """The rounds and the sizes of a run; no instances on others: no other servers."""

    warm_up_rounds: int
    rounds: int
    calls_per_round: int
    mixed_rounds: int
    mixed_calls_per_round: int
    api_rounds: int
    api_turn_seconds: float
    unrelated_keys: tuple[int, ...]
    unrelated_rounds: int
    mapped_tasks: tuple[MappedTask, ...]
    unmapped_instances: int
    unmapped_instances_on_others: int
    tasks_with_indices: int
    indices_of_each: int


FULL = Effort(
    warm_up_rounds=2,
    rounds=40,
    calls_per_round=100,
    mixed_rounds=16,
    mixed_calls_per_round=2_000,
    api_rounds=16,
    api_turn_seconds=0.5,
    unrelated_keys=(0, 100_000, 1_000_000),
    unrelated_rounds=15,
    mapped_tasks=(
        MappedTask(indices=10_000, keys=5, value_bytes=25, repetitions=5),
        MappedTask(indices=1_536, keys=5, value_bytes=90, repetitions=12),
    ),
    unmapped_instances=1_000_000,
    unmapped_instances_on_others=100_000,
    tasks_with_indices=50,
    indices_of_each=1_000,
)

QUICK = Effort(
    warm_up_rounds=1,
    rounds=5,
    calls_per_round=40,
    mixed_rounds=3,
    mixed_calls_per_round=400,
    api_rounds=3,
    api_turn_seconds=0.1,
    unrelated_keys=(0, 100_000, 1_000_000),
    unrelated_rounds=3,
    mapped_tasks=(
        MappedTask(indices=2_000, keys=5, value_bytes=25, repetitions=2),
        MappedTask(indices=1_536, keys=5, value_bytes=90, repetitions=2),
    ),
    unmapped_instances=20_000,
    unmapped_instances_on_others=0,
    tasks_with_indices=5,
    indices_of_each=500,
)

TINY = Effort(
    warm_up_rounds=1,
    rounds=2,
    calls_per_round=5,
    mixed_rounds=2,
    mixed_calls_per_round=40,
    api_rounds=2,
    api_turn_seconds=0.02,
    unrelated_keys=(0, 100, 1_000),
    unrelated_rounds=2,
    mapped_tasks=(MappedTask(indices=100, keys=5, value_bytes=25, repetitions=1),),
    unmapped_instances=1_000,
    unmapped_instances_on_others=500,
    tasks_with_indices=2,
    indices_of_each=50,
)

EFFORTS = {"full": FULL, "quick": QUICK, "tiny": TINY}
