"""How many requests the express lane has answered, which its server tells when it is signalled."""

from __future__ import annotations

import json
import os
import signal
import time
from importlib import import_module
from pathlib import Path
from typing import Any

_TOLD_WITHIN = 10.0


def tell_when_signalled(file: Path) -> None:
    """Write what this process has counted to a file, whenever it gets the signal."""

    def tell(*_: Any) -> None:
        counts = import_module("redis_state.plugin.express_lane.counts").COUNTS
        passed, batches = dict(counts.passed), dict(counts.batches)
        told = {"answered": counts.answered, "passed": passed, "batches": batches}
        beside = file.with_suffix(".new")
        beside.write_text(json.dumps(told), encoding="utf-8")
        beside.rename(file)

    signal.signal(signal.SIGUSR1, tell)


def ask(pid: int, file: Path) -> dict[str, Any]:
    """Return what a server has counted: answered, passed by the reason, and sizes of batches."""
    file.unlink(missing_ok=True)
    os.kill(pid, signal.SIGUSR1)
    deadline = time.monotonic() + _TOLD_WITHIN
    while not file.exists():
        if time.monotonic() > deadline:
            raise TimeoutError("The API server does not tell what it has counted.")
        time.sleep(0.01)
    told: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    return told


def in_words(told: dict[str, Any]) -> str:
    """Say what part of its requests the lane has answered, and why not the others."""
    passed = sum(told["passed"].values())
    part = told["answered"] / max(1, told["answered"] + passed)
    why = ", ".join(f"{reason} {count}" for reason, count in sorted(told["passed"].items()))
    return f"The express lane answered {part:.2%} of its requests{f' (not: {why})' if why else ''}."
