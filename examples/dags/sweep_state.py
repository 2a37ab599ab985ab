"""Remove once a week what deleted runs and assets left in Redis.

No task may use Airflow's metadata database in its own process, and Airflow puts another URL in its
place. So this runs a command, on a worker that can reach the database: by the URL in its
airflow.cfg, or in a variable of its environment, METADATA_DATABASE.
"""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta

from airflow.sdk import dag, task


@dag(
    schedule="@weekly",
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    catchup=False,
    is_paused_upon_creation=True,
)
def sweep_state() -> None:
    @task(retries=2, retry_delay=timedelta(minutes=5))
    def sweep() -> None:
        environment = dict(os.environ)
        for section in ("CORE", "DATABASE"):
            environment.pop(f"AIRFLOW__{section}__SQL_ALCHEMY_CONN", None)
        if database := environment.pop("METADATA_DATABASE", None):
            environment["AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"] = database
        command = [sys.executable, "-m", "airflow", "redis-state", "sweep", "--yes"]
        subprocess.run(command, env=environment, check=True)

    sweep()


sweep_state()
