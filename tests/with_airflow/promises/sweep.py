"""Does what the scheduler does every minute, in a process of its own: `python -m ...sweep`."""

from __future__ import annotations

from airflow.jobs.scheduler_job_runner import SchedulerJobRunner
from airflow.utils.session import create_session

if __name__ == "__main__":
    with create_session() as session:
        SchedulerJobRunner._cleanup_orphaned_asset_state_store(session=session)
