"""What a task waits in `set` and `get`: with its supervisor, and the client of the task SDK."""

from __future__ import annotations

from collections.abc import Sequence

from benchmarks.chapters.api.rates import METHODS
from benchmarks.contenders.execution_api import task_processes
from benchmarks.contenders.execution_api.stack import Servers
from benchmarks.harness.progress import track
from benchmarks.harness.results import Case
from benchmarks.harness.rounds import Record, turns

_CALLS = 20


def measure(servers: Servers, names: Sequence[str], rounds: int) -> list[Case]:
    """Measure some hundred calls of each method."""
    with task_processes.running(servers, names) as tasks:
        return [_measure(method, tasks, rounds) for method in METHODS]


def _measure(method: str, tasks: dict[str, task_processes.TaskProcess], rounds: int) -> Case:
    record = Record(f"a task's {method}", list(tasks), "seconds")
    for turn in track(f"execution_api, {record.case}", turns(record.contenders, rounds)):
        record.add(turn, tasks[turn.contender].work(method, _CALLS))
    return record.sum_up()
