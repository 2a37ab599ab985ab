"""Run as a program, with Airflow: makes runs of the timed DAG, and prints what an executor gets."""

from __future__ import annotations

import json
import os
import sys

from airflow.api_fastapi.auth.tokens import JWTGenerator

from tests.with_airflow.server.metadata import Metadata


def main() -> None:
    database, dag_file, count, seconds = sys.argv[1:]
    tokens = JWTGenerator(
        secret_key=os.environ["AIRFLOW__API_AUTH__JWT_SECRET"],
        audience="urn:airflow.apache.org:task",
        issuer=None,
        valid_for=float(seconds),
    )
    metadata = Metadata(database)
    metadata.dag("timed")
    workloads = []
    for number in range(int(count)):
        run_id = f"run_{number}"
        metadata.run("timed", run_id)
        (instance,) = metadata.instances("timed", run_id=run_id, task_id="time_calls")
        workloads.append(metadata.workload(instance, dag_file, tokens))
    metadata.close()
    print(json.dumps(workloads))


if __name__ == "__main__":
    main()
