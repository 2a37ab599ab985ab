"""``python -m benchmarks``, away from any Airflow of the user's."""

from __future__ import annotations

import os
import tempfile


def main() -> None:
    """Give Airflow an empty home, and measure."""
    with tempfile.TemporaryDirectory(prefix="redis-state-") as home:
        os.environ["AIRFLOW_HOME"] = home
        # Not before: it imports Airflow, which looks for its home at once.
        from benchmarks import command  # noqa: PLC0415

        command.main()


# The process that pings imports this module anew.
if __name__ == "__main__":
    main()
