"""``python -m benchmarks.figures FOLDER`` writes the tables and pictures of its results."""

from __future__ import annotations

import argparse
from pathlib import Path

from benchmarks.harness.results import load
from benchmarks.report import plots
from benchmarks.report.page import write_docs


def main() -> None:
    """Write the tables and the pictures of the results in a folder beside them."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.figures", description=__doc__)
    parser.add_argument("folder", type=Path, help="where results.json is")
    folder: Path = parser.parse_args().folder
    results = load(folder / "results.json")
    write_docs(results, folder)
    plots.write(results, folder)


if __name__ == "__main__":
    main()
