"""Fair comparison on a noisy machine: interleaved rounds, and medians over them."""

from __future__ import annotations

import random
import statistics
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

from benchmarks.harness.results import Case, Figure, Unit


@dataclass(frozen=True)
class Turn:
    """One contender's part of one round; what the warm-up measures is thrown away."""

    contender: str
    counts: bool


@dataclass(frozen=True)
class Round:
    """What one turn measured, in seconds: each call, and all of them together."""

    calls: Sequence[float]
    wall: float

    @property
    def per_call(self) -> float:
        """The share of the wall time that a call took: with threads, less than its latency."""
        return self.wall / len(self.calls)


@dataclass
class Record:
    """Collects the rounds of one case; the others are compared with the first contender."""

    case: str
    contenders: Sequence[str]
    unit: Unit | None = None
    has_single_calls: bool = True
    _rounds: dict[str, list[Round]] = field(init=False)

    def __post_init__(self) -> None:
        self._rounds = {contender: [] for contender in self.contenders}

    def add(self, turn: Turn, measured: Round) -> None:
        """Keep a round, unless it was for warming up."""
        if turn.counts:
            self._rounds[turn.contender].append(measured)

    def sum_up(self) -> Case:
        """Return what all rounds together say."""
        first = self._rounds[self.contenders[0]]
        figures = tuple(_figure(name, rounds, first) for name, rounds in self._rounds.items())
        if not self.has_single_calls:
            figures = tuple(replace(each, p50=None, p99=None) for each in figures)
        return Case(self.case, figures, self.unit)


def turns(contenders: Sequence[str], rounds: int, warm_up_rounds: int = 1) -> list[Turn]:
    """Return whose turn it is: each round in an order of its own, after some for warming up."""
    return list(_turns(contenders, rounds, warm_up_rounds))


def _turns(contenders: Sequence[str], rounds: int, warm_up_rounds: int) -> Iterator[Turn]:
    shuffle = random.Random(rounds).sample
    for number in range(warm_up_rounds + rounds):
        for contender in shuffle(list(contenders), len(contenders)):
            yield Turn(contender, counts=number >= warm_up_rounds)


def middle(sample: Sequence[float]) -> tuple[float, float]:
    """Return the median, and half of the range between the quartiles as a part of it."""
    if len(sample) == 1:
        return sample[0], 0.0
    low, median, high = statistics.quantiles(sample, n=4, method="inclusive")
    return median, (high - low) / 2 / median if median else 0.0


def percentile(sample: Sequence[float], part: float) -> float:
    """Return the value that ``part`` of the sample does not exceed."""
    return sorted(sample)[min(len(sample) - 1, int(part * len(sample)))]


def _figure(contender: str, rounds: Sequence[Round], ours: Sequence[Round]) -> Figure:
    median, spread = middle([measured.per_call for measured in rounds])
    ratios = [theirs.per_call / mine.per_call for theirs, mine in zip(rounds, ours, strict=True)]
    advantage, advantage_spread = middle(ratios)
    calls = [call for measured in rounds for call in measured.calls]
    return Figure(
        contender,
        median,
        spread,
        advantage,
        advantage_spread,
        p50=percentile(calls, 0.5),
        p99=percentile(calls, 0.99),
    )
