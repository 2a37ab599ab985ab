"""What a run has measured: chapters of cases, and in each case a figure for each contender.

It is kept as JSON, so that tables and pictures can be made again.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

Unit = Literal["seconds", "bytes", "statements"]


@dataclass(frozen=True)
class Figure:
    """What one contender took for one call, or for one entry.

    ``advantage`` is how many times as much as ours that is: the median of the ratios within each
    round, which what slows a whole round leaves alone; 1.0 for ours. A spread is half of the range
    between the quartiles, as a part of the median: 0.05 is 5 % either way.
    """

    contender: str
    median: float
    spread: float
    advantage: float
    advantage_spread: float
    p50: float | None = None
    p99: float | None = None


@dataclass(frozen=True)
class Case:
    """One thing that was measured; its unit is that of the chapter, if it has none."""

    name: str
    figures: tuple[Figure, ...]
    unit: Unit | None = None


@dataclass(frozen=True)
class Chapter:
    """Cases of one kind; ``name`` is what the command line calls it."""

    name: str
    title: str
    sentence: str
    unit: Unit
    cases: tuple[Case, ...]


@dataclass(frozen=True)
class Results:
    """All chapters of one run, and the facts that the figures depend on."""

    facts: dict[str, str]
    chapters: tuple[Chapter, ...]


def save(results: Results, path: Path) -> None:
    """Write all figures to a file."""
    text = json.dumps(asdict(results), indent=2, ensure_ascii=False)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text + "\n", encoding="utf-8")


def load(path: Path) -> Results:
    """Read what `save` has written."""
    stored = json.loads(path.read_text(encoding="utf-8"))
    return Results(stored["facts"], tuple(_chapter(each) for each in stored["chapters"]))


def _chapter(stored: dict[str, Any]) -> Chapter:
    return Chapter(**stored | {"cases": tuple(_case(each) for each in stored["cases"])})


def _case(stored: dict[str, Any]) -> Case:
    figures = tuple(Figure(**each) for each in stored["figures"])
    return Case(stored["name"], figures, stored.get("unit"))
