"""The command line: ``python -m benchmarks``."""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict
from pathlib import Path

from benchmarks.effort import FULL, QUICK
from benchmarks.report import render
from benchmarks.results import measure
from benchmarks.target import open_target


def main() -> None:
    """Measure, print the page, and keep it where asked."""
    options = _parser().parse_args()
    with open_target(options.url) as target:
        results = measure(target, QUICK if options.quick else FULL)
    page = render(results)
    print(page, end="")
    if options.markdown:
        options.markdown.write_text(page, encoding="utf-8")
    if options.json:
        text = json.dumps(asdict(results), indent=2, ensure_ascii=False)
        options.json.write_text(text + "\n", encoding="utf-8")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description="Measure redis-state beside the same commands by hand.",
    )
    parser.add_argument(
        "--url",
        help="measure this server, in a namespace of its own that is removed at the end, instead "
        "of an embedded one; nothing else should use it meanwhile",
    )
    parser.add_argument(
        "--quick", action="store_true", help="measure little: the figures say nothing"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all figures here too")
    parser.add_argument("--markdown", type=Path, metavar="FILE", help="write the page here too")
    return parser


# The process that pings imports this module anew.
if __name__ == "__main__":
    main()
