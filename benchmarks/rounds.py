"""Fair comparison on a noisy machine: alternating rounds, and medians over them."""

from __future__ import annotations

import random
import statistics
from collections.abc import Sequence
from dataclasses import dataclass, field

from benchmarks.contenders import BY_HAND, OURS
from benchmarks.effort import Effort


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


@dataclass(frozen=True)
class Summary:
    """One contender's figures over all rounds, in seconds; a spread of 0.05 is 5% either way."""

    per_call: float
    spread: float
    p50: float
    p99: float


@dataclass(frozen=True)
class Comparison:
    """Both contenders at the same case; the ratio is that of the times, so below 1 we are faster.

    It is the median of the ratios within each round, which what slows a whole round leaves alone.
    """

    case: str
    ours: Summary
    by_hand: Summary
    ratio: float
    ratio_spread: float


@dataclass
class Record:
    """Collects the rounds of one case."""

    case: str
    _rounds: dict[str, list[Round]] = field(default_factory=lambda: {OURS: [], BY_HAND: []})

    def add(self, turn: Turn, measured: Round) -> None:
        """Keep a round, unless it was for warming up."""
        if turn.counts:
            self._rounds[turn.contender].append(measured)

    def compare(self) -> Comparison:
        """Sum up all rounds."""
        ours, by_hand = self._rounds[OURS], self._rounds[BY_HAND]
        ratios = [
            mine.per_call / theirs.per_call for mine, theirs in zip(ours, by_hand, strict=True)
        ]
        ratio, spread = _middle(ratios)
        return Comparison(self.case, _sum_up(ours), _sum_up(by_hand), ratio, spread)


def turns(rounds: int, warm_up_rounds: int) -> list[Turn]:
    """Return whose turn it is: each round in an order of its own, after some for warming up."""
    shuffle = random.Random(rounds).sample
    return [
        Turn(contender, counts=number >= warm_up_rounds)
        for number in range(warm_up_rounds + rounds)
        for contender in shuffle([OURS, BY_HAND], 2)
    ]


def mixed_turns(effort: Effort) -> list[Turn]:
    """Return the turns of a mixed load."""
    return turns(effort.mixed_rounds, effort.warm_up_rounds)


def percentile(sample: Sequence[float], part: float) -> float:
    """Return the value that ``part`` of the sample does not exceed."""
    return sorted(sample)[min(len(sample) - 1, int(part * len(sample)))]


def _sum_up(rounds: Sequence[Round]) -> Summary:
    per_call, spread = _middle([measured.per_call for measured in rounds])
    calls = [call for measured in rounds for call in measured.calls]
    return Summary(per_call, spread, p50=percentile(calls, 0.5), p99=percentile(calls, 0.99))


def _middle(sample: Sequence[float]) -> tuple[float, float]:
    """Return the median, and half of the range between the quartiles as a part of it."""
    low, middle, high = statistics.quantiles(sample, n=4, method="inclusive")
    return middle, (high - low) / 2 / middle
