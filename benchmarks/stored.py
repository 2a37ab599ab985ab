"""Results as JSON, to draw them anew."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from benchmarks.results import Case, Chapter, Figure, Results


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
    return Case(stored["name"], tuple(Figure(**each) for each in stored["figures"]))
