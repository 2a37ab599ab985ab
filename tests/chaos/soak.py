"""One soak: a load and faults in turn, chosen by a seed, and a report of what came of them."""

from __future__ import annotations

import os
import random
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

from tests.chaos.faults import TOPOLOGIES, Stage
from tests.chaos.load import BUDGET, Load
from tests.support.nodes import Node

# How long after its budget a call may return: the threads of a busy machine wait for each other.
GRACE = 10.0
_PROGRESS_EVERY = 10.0
_WARM_UP = 1.0
_MEGABYTE = 2**20


@dataclass
class Report:
    """What a soak did and showed."""

    topology: str
    seed: int
    seconds: float
    # Of each fault: how long it took from its beginning until all keys were served again.
    faults: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    operations: Counter[str] = field(default_factory=Counter)
    errors: Counter[str] = field(default_factory=Counter)
    slowest: tuple[float, str] = (0.0, "")
    lost: int = 0
    lost_in: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)
    memory: tuple[int, int] = (0, 0)
    resident: tuple[int, int] = (0, 0)
    keys_left: int = 0

    @property
    def violations(self) -> list[str]:
        """Say what must not be."""
        found = [f"wrong: {why}" for why in self.wrong]
        if self.slowest[0] > BUDGET + GRACE:
            found.append(f"{self.slowest[1]} took {self.slowest[0]:.1f} s of {BUDGET:g} s")
        if self.topology == "standalone" and self.lost:
            found.append(f"{self.lost} values were lost, and nothing explains it")
        if self.keys_left:
            found.append(f"{self.keys_left} keys are left after everything was cleared")
        if not self.operations:
            found.append("nothing was done")
        return found

    def __str__(self) -> str:
        calls, failed = sum(self.operations.values()), sum(self.errors.values())
        lines = [
            f"{self.topology}: {self.seconds:.0f} s, seed {self.seed}",
            f"  operations        {calls:,} ({_counted(self.operations)})",
            f"  faults            {sum(map(len, self.faults.values()))}, and until all was served:",
            *(
                f"    {name:24} {len(times):4} times {median(times):6.2f} s (median)"
                for name, times in sorted(self.faults.items())
            ),
            f"  errors            {failed:,} ({_counted(self.errors) or 'none'})",
            f"  wrong or stale    {len(self.wrong)}",
            f"  lost in failovers {self.lost} ({_counted(self.lost_in) or 'none'})",
            f"  slowest call      {self.slowest[0]:.2f} s ({self.slowest[1]}), budget {BUDGET:g} s",
            f"  server memory     {_megabytes(self.memory)}",
            f"  client memory     {_megabytes(self.resident)}",
            f"  keys left         {self.keys_left} after everything was cleared",
        ]
        return "\n".join([*lines, *(f"  VIOLATION: {each}" for each in self.violations[:20])])


def soak(
    topology: str,
    seed: int,
    seconds: float,
    server: str,
    tell: Callable[[str], None],
    only: str = "",
) -> Report:
    """Run one, and tell how it goes; ``only``: what the names of its faults have in them."""
    chance = random.Random(f"{seed} {topology}")
    report = Report(topology, seed, seconds)
    loads: list[Load] = []
    with TOPOLOGIES[topology](server, chance, lambda: loads[0]) as stage:
        stage.faults = {name: stage.faults[name] for name in stage.faults if only in name}
        memory, resident = _memory_of(stage.nodes()), _resident()
        loads.append(Load(stage.url, seed))
        with loads[0] as load:
            _run_faults(stage, load, chance, report, tell)
        stage.is_well()
        report.memory = (memory, _memory_of(stage.nodes()))
        report.resident = (resident, _resident())
        report.keys_left = _keys_left(stage.nodes())
    report.operations, report.errors = load.figures.operations, load.figures.errors
    report.slowest = load.figures.slowest
    report.lost_in = load.registers.lost_in
    report.lost, report.wrong = len(load.registers.lost), load.registers.wrong
    return report


def _run_faults(
    stage: Stage, load: Load, chance: random.Random, report: Report, tell: Callable[[str], None]
) -> None:
    begun = told = time.monotonic()
    time.sleep(_WARM_UP)
    # Each comes once before any comes again.
    waiting: list[str] = []
    while time.monotonic() < begun + report.seconds:
        if not waiting:
            waiting = list(stage.faults)
            chance.shuffle(waiting)
        name = waiting.pop()
        load.registers.phase = f"{name}, {time.monotonic() - begun:.1f} s"
        fault_begun, epoch = time.monotonic(), stage.epoch()
        with load.registers.perhaps_a_failover(lambda before=epoch: stage.epoch() != before):  # type: ignore[misc]
            stage.faults[name]()
            load.wait_for_success()
            report.faults[name].append(time.monotonic() - fault_begun)
            stage.is_well()
            load.check_alive()
            time.sleep(chance.uniform(0.0, 0.5))
        if time.monotonic() > told + _PROGRESS_EVERY:
            told = time.monotonic()
            figures = load.figures
            tell(
                f"  {told - begun:4.0f} s: {sum(figures.operations.values()):,} operations, "
                f"{sum(map(len, report.faults.values()))} faults, "
                f"{sum(figures.errors.values()):,} errors, "
                f"{len(load.registers.lost)} lost, {len(load.registers.wrong)} wrong"
            )


def _memory_of(nodes: list[Node]) -> int:
    """Return the bytes that the values of all masters take."""
    return sum(int(node.info("memory")["used_memory"]) for node in nodes)


def _keys_left(nodes: list[Node]) -> int:
    """Return how many keys there are in all masters."""
    return sum(int(node.ask("DBSIZE")) for node in nodes)


def _resident() -> int:
    """Return the memory of this process, where the system tells it."""
    statm = Path("/proc/self/statm")
    if not sys.platform.startswith("linux"):
        return 0
    return int(statm.read_text(encoding="ascii").split()[1]) * os.sysconf("SC_PAGE_SIZE")


def _counted(counts: Counter[str]) -> str:
    return ", ".join(f"{name} {count:,}" for name, count in counts.most_common())


def _megabytes(before_and_after: tuple[int, int]) -> str:
    before, after = (size / _MEGABYTE for size in before_and_after)
    return f"{before:.1f} MiB before, {after:.1f} MiB after"
