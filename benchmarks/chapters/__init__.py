"""All chapters, in the order in which they are measured and read."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from importlib import import_module
from types import ModuleType

from benchmarks.chapters.bench import Bench
from benchmarks.harness.effort import Effort
from benchmarks.harness.results import Chapter


@dataclass(frozen=True)
class ChapterModule:
    """A module of this package, which measures the chapter of its name."""

    name: str
    uses_airflow_stores: bool = False
    needs_airflow: bool = False

    def measure(self, bench: Bench) -> Chapter:
        """Measure the chapter; its module may import what only an Airflow brings."""
        measure: Callable[[Bench], Chapter] = self._module().measure
        return measure(bench)

    def facts(self) -> dict[str, str]:
        """Return what the chapter depends on beside what all of them do."""
        found: Callable[[], dict[str, str]] = getattr(self._module(), "facts", dict)
        return found()

    def missing(self, effort: Effort) -> dict[str, str]:
        """Return which contenders this chapter leaves out, for what reason."""
        found: Callable[[Effort], dict[str, str]] | None = getattr(self._module(), "missing", None)
        return found(effort) if found else {}

    def _module(self) -> ModuleType:
        return import_module(f"{__name__}.{self.name}")


CHAPTERS = (
    ChapterModule("execution_api", needs_airflow=True),
    ChapterModule("one_thread", uses_airflow_stores=True),
    ChapterModule("threads", uses_airflow_stores=True),
    ChapterModule("tasks"),
    ChapterModule("unrelated_keys"),
    ChapterModule("clear_all"),
    ChapterModule("memory"),
)


def chosen(names: Collection[str]) -> list[ChapterModule]:
    """Return the modules of these names, or all."""
    unknown = set(names) - {each.name for each in CHAPTERS}
    if unknown:
        known = ", ".join(each.name for each in CHAPTERS)
        raise ValueError(f"no chapter: {', '.join(sorted(unknown))}; there are: {known}")
    return [each for each in CHAPTERS if not names or each.name in names]
