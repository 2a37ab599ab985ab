"""A DAG of the tests: its task submits a job, and its worker dies while it waits for the job."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Any

from airflow.sdk import DAG, Asset, BaseOperator, ResumableJobMixin

JOBS = Path(__file__).with_name("jobs")
TOTALS = Asset(name="totals", uri="s3://bucket/totals")


class RunJob(ResumableJobMixin, BaseOperator):  # type: ignore[misc]  # untyped where the checker runs
    """Notes each job that it submits in a file; the first time it waits, its process is killed."""

    external_id_key = "job_id"

    def execute(self, context: Any) -> Any:
        result = self.execute_resumable(context)
        totals = context["asset_state_store"][TOTALS]
        totals.set("runs", totals.get("runs", 0) + 1)
        return result

    def submit_job(self, context: Any) -> str:
        with JOBS.open("a", encoding="utf-8") as jobs:
            jobs.write("submitted\n")
        return "job-1"

    def poll_until_complete(self, external_id: Any, context: Any) -> None:
        with JOBS.open("a", encoding="utf-8") as jobs:
            jobs.write(f"waiting for {external_id}\n")
        if context["ti"].try_number == 1:
            os.kill(os.getpid(), signal.SIGKILL)

    def get_job_status(self, external_id: Any, context: Any) -> str:
        return "RUNNING"

    def is_job_active(self, status: str) -> bool:
        return status == "RUNNING"

    def is_job_succeeded(self, status: str) -> bool:
        return False

    def get_job_result(self, external_id: Any, context: Any) -> None:
        """A job of this kind has none."""


with DAG("resumable", schedule=None):
    RunJob(task_id="run_job", retries=1, outlets=[TOTALS])
