"""Keeps every core busy with other work: `python -m tests.support.busy pytest -q tests/client`.

Beside one steady burner for each core there are bursts: a process that wants to run then waits
for some of a second now and then, as it does on a machine that others use.
"""

from __future__ import annotations

import os
import random
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

# A moment of work between two looks at the parent.
_ROUNDS = 20_000
BURSTS_PER_CORE = 2


@contextmanager
def busy_cores() -> Iterator[list[int]]:
    """Keep the cores busy until the end of the block, and give the pids of what does so."""
    cores = os.cpu_count() or 1
    kinds = ["steady"] * cores + ["bursts"] * cores * BURSTS_PER_CORE
    burners: list[subprocess.Popen[bytes]] = []
    try:
        for number, kind in enumerate(kinds):
            command = [sys.executable, "-S", __file__, kind, str(os.getpid()), str(number)]
            burners.append(subprocess.Popen(command))
        yield [burner.pid for burner in burners]
        for burner in burners:
            if burner.poll() is not None:
                raise ChildProcessError("a burner ended on its own: there was less load than told")
    finally:
        for burner in burners:
            burner.kill()
            burner.wait()


def _burn(kind: str, parent: int, seed: int) -> None:
    # Burners end with the process that started them, also when that one is killed.
    chance = random.Random(seed)
    while os.getppid() == parent:
        burst = chance.uniform(0.1, 0.7)
        until = time.monotonic() + burst
        while time.monotonic() < until and os.getppid() == parent:
            for _ in range(_ROUNDS):
                pass
        if kind == "bursts":
            time.sleep(chance.uniform(0.2, 1.5))


def main(arguments: list[str]) -> int:
    if arguments[0] in ("steady", "bursts"):
        _burn(arguments[0], int(arguments[1]), int(arguments[2]))
        return 0
    with busy_cores():
        return subprocess.run(arguments, check=False).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
