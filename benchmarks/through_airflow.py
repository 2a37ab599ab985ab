"""``python -m benchmarks.through_airflow``: a quick look at requests through Airflow's own API.

It measures what the chapter of the benchmarks does, in a few minutes, and prints each contender
beside the metastore. For figures to be told to others, `make bench` has more rounds.
"""

from __future__ import annotations

import os
import tempfile


def main() -> None:
    """Give Airflow an empty home, and measure."""
    with tempfile.TemporaryDirectory(prefix="redis-state-") as home:
        os.environ["AIRFLOW_HOME"] = home
        # Not before: it imports Airflow, which looks for its home at once.
        from benchmarks.chapters.api import quick  # noqa: PLC0415

        quick.main()


if __name__ == "__main__":
    main()
