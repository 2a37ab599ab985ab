"""Submit a job once: when the worker dies, the retry finds the job and waits for it."""

from __future__ import annotations

import time
from datetime import timedelta
from typing import Any

import httpx
from airflow.sdk import BaseOperator, Connection, Context, ResumableJobMixin, dag


class RunJob(ResumableJobMixin, BaseOperator):
    """Runs a job of the job service, and resumes it on a retry."""

    external_id_key = "job_id"

    def __init__(self, *, job_name: str, conn_id: str = "job_service", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.job_name = job_name
        self.conn_id = conn_id

    def execute(self, context: Context) -> Any:
        return self.execute_resumable(context)

    def submit_job(self, context: Context) -> str:
        answer = httpx.post(f"{self.jobs_url}", json={"name": self.job_name})
        return str(answer.raise_for_status().json()["id"])

    def get_job_status(self, external_id: Any, context: Context) -> str:
        answer = httpx.get(f"{self.jobs_url}/{external_id}")
        return str(answer.raise_for_status().json()["status"])

    def is_job_active(self, status: str) -> bool:
        return status == "RUNNING"

    def is_job_succeeded(self, status: str) -> bool:
        return status == "SUCCEEDED"

    def poll_until_complete(self, external_id: Any, context: Context) -> Any:
        self.log.info("Waiting for job %s", external_id)
        while self.is_job_active(status := self.get_job_status(external_id, context)):
            time.sleep(1)
        if not self.is_job_succeeded(status):
            raise RuntimeError(f"Job {external_id} ended as {status}.")
        # A resumed task returns what this method returns.
        return self.get_job_result(external_id, context)

    def get_job_result(self, external_id: Any, context: Context) -> Any:
        return external_id

    @property
    def jobs_url(self) -> str:
        return f"{Connection.get(self.conn_id).host}/jobs"


@dag(schedule=None)
def resume_job() -> None:
    RunJob(task_id="run_job", job_name="report", retries=2, retry_delay=timedelta(seconds=1))


resume_job()
