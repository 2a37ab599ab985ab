"""A task in a process of its own, as an executor runs it: nothing between it and Redis is ours."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

from tests.with_airflow.server.airflow_home import ApiServer, Home
from tests.with_airflow.server.metadata import Instance, Metadata
from tests.with_airflow.server.tasks import MISSING, Task

DAG_FILE = Path(__file__).with_name("resumable_dag.py")


def test_a_task_whose_worker_is_killed_resumes_its_job_and_leaves_nothing_behind(
    home: Home, api: ApiServer, metadata: Metadata, task_of: Callable[[Instance], Task]
) -> None:
    dags = home.folder / "dags"
    dags.mkdir()
    shutil.copy(DAG_FILE, dags)
    jobs = dags / "jobs"
    totals = metadata.asset("totals")
    metadata.dag("resumable")
    metadata.run("resumable")
    (instance,) = metadata.instances("resumable", task_id="run_job")
    metadata.update(instance, max_tries=1)

    def execute() -> str:
        workload = metadata.workload(metadata.latest(instance), DAG_FILE.name, home.tokens)
        _, printed = home.run(
            *("airflow.sdk.execution_time.execute_workload", "--json-string", workload),
            AIRFLOW__CORE__EXECUTION_API_SERVER_URL=api.url,
            # How soon the supervisor sees that its task has ended.
            AIRFLOW__WORKERS__MIN_HEARTBEAT_INTERVAL="1",
        )
        return printed

    printed = execute()
    assert jobs.exists(), printed
    assert jobs.read_text() == "submitted\nwaiting for job-1\n"
    # What the scheduler does about a worker that is gone.
    task_of(instance).fail_and_retry()
    assert task_of(metadata.latest(instance)).get("job_id") == "job-1"

    printed = execute()
    assert metadata.state(metadata.latest(instance)) == "success", printed
    assert jobs.read_text() == "submitted\nwaiting for job-1\nwaiting for job-1\n"
    after = task_of(metadata.latest(instance))
    assert after.get("job_id") is MISSING
    assert after.on(totals).get("runs") == 1
