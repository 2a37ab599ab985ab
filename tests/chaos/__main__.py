"""Runs soaks: loads and faults mixed by a seed, and a check of all that was read.

python -m tests.chaos [--minutes 10] [--seed N] [--topology all] [--server valkey91]
"""

from __future__ import annotations

import argparse
import random
import sys

from tests.chaos.faults import TOPOLOGIES
from tests.chaos.soak import soak
from tests.matrix import SERVERS


def main() -> int:
    asked = _parser().parse_args()
    topologies = list(TOPOLOGIES) if asked.topology == "all" else [asked.topology]
    seed = asked.seed if asked.seed is not None else random.randrange(2**31)
    seconds = asked.minutes * 60 / len(topologies)
    print(f"{asked.minutes:g} minutes on {asked.server}, seed {seed}")
    violations = 0
    for topology in topologies:
        report = soak(topology, seed, seconds, asked.server, _tell, asked.only)
        print(report, flush=True)
        violations += len(report.violations)
    again = f"python -m tests.chaos --seed {seed} --minutes {asked.minutes:g}"
    print(f"{violations} violations; the same faults again: {again} --topology {asked.topology}")
    return min(violations, 1)


def _tell(line: str) -> None:
    print(line, flush=True)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("--minutes", type=float, default=10.0, help="for all topologies together")
    parser.add_argument("--seed", type=int, help="of the loads and the faults; none: a new one")
    parser.add_argument("--topology", choices=[*TOPOLOGIES, "all"], default="all")
    parser.add_argument("--only", default="", help="the faults with this in their names")
    parser.add_argument("--server", choices=SERVERS, default="valkey91")
    return parser


if __name__ == "__main__":
    sys.exit(main())
