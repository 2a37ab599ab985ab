"""Where a figure lies on a picture, and which figures its axis names."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

_LINEAR_UP_TO = 20
_MARGIN = 14
_MOST_MARKS = 10


@dataclass(frozen=True)
class Axis:
    """A horizontal axis of ``width`` from its start to its end."""

    start: float
    end: float
    left: float
    width: float
    is_logarithmic: bool

    def place(self, value: float) -> float:
        """Return where a figure lies; what lies before the start is put there."""
        value = max(value, self.start)
        if self.is_logarithmic:
            part = math.log(value / self.start) / math.log(self.end / self.start)
        else:
            part = (value - self.start) / (self.end - self.start)
        return self.left + part * self.width

    def marks(self, width_of: Callable[[float], float]) -> list[float]:
        """Return as many round figures as there is room for; ``width_of`` is that of a label."""
        found: list[float] = []
        for found in self._candidates():
            ends = [(self.place(mark), width_of(mark) / 2 + _MARGIN / 2) for mark in found]
            if all(
                here + half <= there - other
                for (here, half), (there, other) in itertools.pairwise(ends)
            ):
                break
        return found

    def _candidates(self) -> Iterator[list[float]]:
        """Yield the marks that are possible, from many to few."""
        if self.is_logarithmic:
            for digits in ((1, 2, 5), (1, 3), (1,)):
                yield self._within(_round_figures(self.start, self.end, digits))
            decades = self._within(_round_figures(self.start, self.end, (1,)))
            yield from (decades[::every] for every in range(2, len(decades)))
            return
        for step in _round_figures(self.end / _MOST_MARKS, self.end, (1, 2, 5)):
            if self.end / step <= _MOST_MARKS:
                yield [number * step for number in range(int(self.end / step) + 1)]

    def _within(self, marks: Sequence[float]) -> list[float]:
        slack = 1e-9
        return [m for m in marks if self.start * (1 - slack) <= m <= self.end * (1 + slack)]


def axis_for(values: Sequence[float], end: float, left: float, width: float) -> Axis:
    """Return an axis for figures: logarithmic if the greatest would hide the least otherwise."""
    least, greatest = min(values), max(values)
    if greatest / least <= _LINEAR_UP_TO:
        return Axis(0, end, left, width, is_logarithmic=False)
    below = [mark for mark in _round_figures(least / 20, least, (1, 2, 5)) if mark <= least / 1.5]
    return Axis(below[-1], end, left, width, is_logarithmic=True)


def _round_figures(low: float, high: float, digits: Sequence[int]) -> list[float]:
    """Return figures of one digit, from the decade of ``low`` to that of ``high``."""
    decades = range(math.floor(math.log10(low)), math.floor(math.log10(high)) + 1)
    # From text, so that 1e-05 * 2 is 2e-05 and no other figure near it.
    return [float(f"{digit}e{decade}") for decade in decades for digit in digits]
