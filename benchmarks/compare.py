"""``python -m benchmarks.compare BASE`` tells whether this checkout is as fast as another one.

Both use one server. Each round runs a process for each of them, so what slows the machine down
slows both, and the one that was first is second in the next round. A process measures each case
ten times, and the fastest counts; the ratios are taken within each round. To see what the noise of
the machine alone does, compare a checkout with itself.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from benchmarks.harness.rounds import middle
from benchmarks.report.markdown import amount, table, with_spread
from redis_state.testing import EmbeddedServer

_ROOT = Path(__file__).parents[1]
_MINUTES = 4.0
_MINUTES_IF_QUICK = 1.0
_FEWEST_ROUNDS = 2
_CALLS = 500
_HEADER = (
    "one call",
    *("before", "after", "after / before"),
    *("before, CPU", "after, CPU", "after / before, CPU"),
)

# For each case, the wall time of a call and its CPU time.
Measured = Mapping[str, tuple[float, float]]
Pair = tuple[Measured, Measured]


def main() -> None:
    """Measure, and print the table."""
    options = _parser().parse_args()
    minutes = _MINUTES_IF_QUICK if options.quick else options.minutes
    with (
        EmbeddedServer() as server,
        _only_the_library_of(options.base) as before,
        _only_the_library_of(options.after) as after,
    ):
        measure = partial(_measure, server.url, options.calls)
        pairs = list(_rounds(partial(measure, before), partial(measure, after), minutes * 60))
    print(_as_table(pairs))
    print(f"\n{len(pairs)} rounds. ± is half of the range between the quartiles of the rounds.")
    print("On a busy machine, the CPU time tells more than the wall time.")


def _rounds(
    before: Callable[[], Measured], after: Callable[[], Measured], seconds: float
) -> Iterator[Pair]:
    """Yield rounds for as long as is allowed, but two in any case."""
    # The first of each compiles what is imported, and does not count.
    before()
    after()
    ends, number = time.monotonic() + seconds, 0
    while number < _FEWEST_ROUNDS or time.monotonic() < ends:
        number += 1
        if number % 2:
            pair = before(), after()
        else:
            there = after()
            pair = before(), there
        yield pair
        left = max(0.0, ends - time.monotonic())
        sys.stderr.write(f"round {number} is done, {left:.0f} s left\n")


def _measure(url: str, calls: int, folder: Path) -> Measured:
    environment = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("AIRFLOW", "REDIS_STATE_"))
    }
    environment |= {
        "AIRFLOW_HOME": str(folder),
        "PYTHONPATH": os.pathsep.join([str(folder), str(_ROOT)]),
    }
    command = [
        sys.executable,
        "-m",
        "benchmarks.harness.compare_round",
        url,
        folder.name,
        str(calls),
    ]
    printed = subprocess.check_output(command, cwd=folder, env=environment)  # noqa: S603
    measured: dict[str, tuple[float, float]] = json.loads(printed)
    return measured


@contextmanager
def _only_the_library_of(checkout: Path) -> Iterator[Path]:
    """Make a folder that has a checkout's library alone: both are measured by these benchmarks."""
    library = checkout.resolve() / "redis_state"
    with tempfile.TemporaryDirectory(prefix="redis-state-compare-") as name:
        (Path(name) / library.name).symlink_to(library)
        yield Path(name)


def _as_table(pairs: list[Pair]) -> str:
    return table(_HEADER, [_row(case, pairs) for case in pairs[0][1]])


def _row(case: str, pairs: list[Pair]) -> list[str]:
    cells = [case]
    for kind in range(2):
        before = [each[case][kind] for each, _ in pairs]
        after = [each[case][kind] for _, each in pairs]
        ratios = [there / here for here, there in zip(before, after, strict=True)]
        cells += [_with_spread(before), _with_spread(after)]
        ratio, spread = middle(ratios)
        cells.append(with_spread(f"{ratio:.3f}", spread))
    return cells


def _with_spread(seconds: list[float]) -> str:
    median, spread = middle(seconds)
    return with_spread(amount(median, "seconds"), spread)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.compare",
        description="Measure two checkouts of redis-state side by side.",
    )
    parser.add_argument("base", type=_checkout, help="the checkout to compare with, a folder")
    parser.add_argument(
        "--after", type=_checkout, default=_ROOT, help="the other one, instead of this"
    )
    parser.add_argument("--minutes", type=float, default=_MINUTES, help="how long to measure")
    parser.add_argument("--calls", type=int, default=_CALLS, help="calls of a chunk of a case")
    parser.add_argument("--quick", action="store_true", help="measure for a minute")
    return parser


def _checkout(folder: str) -> Path:
    if not (Path(folder) / "redis_state" / "__init__.py").exists():
        raise argparse.ArgumentTypeError(f"{folder} is no checkout: it has no redis_state/")
    return Path(folder)


if __name__ == "__main__":
    main()
