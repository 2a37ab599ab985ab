"""Run as a program, with Airflow: makes running tasks, and prints the requests that they send.

The rows of the tasks are made with Airflow's own models in the metadata database that is named on
the command line. The requests are those of the task SDK's own client, caught before they leave.
"""

from __future__ import annotations

import json
import os
import sys
from typing import Any

import httpx
from airflow.api_fastapi.auth.tokens import JWTGenerator
from airflow.sdk.api.client import Client

from benchmarks.harness import workload
from tests.with_airflow.server.metadata import Instance, Metadata

# The value as a task sets it, and the body of the answer that returns it.
_VALUE = json.loads(workload.value(90))
_BODY = json.dumps({"value": _VALUE}, separators=(",", ":"))
_KEYS = workload.KEYS[:2]
# Longer than any run: what Airflow does to renew a token is not measured.
_TOKEN_SECONDS = 24 * 3600


def main() -> None:
    count, database = sys.argv[1:]
    metadata = Metadata(database)
    dag_id = metadata.dag("sales_report")
    metadata.run(dag_id)
    names = [f"load_region_{each}" for each in range(int(count))]
    made = [metadata.instances(dag_id, task_id=name)[0] for name in names]
    metadata.close()
    print(json.dumps([_exchanges(instance) for instance in made]))


def _exchanges(instance: Instance) -> dict[str, list[dict[str, Any]]]:
    """Set each key, and get it."""
    caught: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        caught.append(request)
        is_read = request.method == "GET"
        return httpx.Response(200, text=_BODY) if is_read else httpx.Response(204)

    transport = httpx.MockTransport(answer)
    url = "http://127.0.0.1/execution/"
    with Client(base_url=url, token=_token(instance), transport=transport) as client:
        for key in _KEYS:
            client.task_state_store.set(instance.id, key, _VALUE, workload.deadline())
            client.task_state_store.get(instance.id, key)
    requests = [_exchange(request) for request in caught]
    return {"set": requests[::2], "get": requests[1::2]}


def _exchange(request: httpx.Request) -> dict[str, Any]:
    is_read = request.method == "GET"
    lines = [f"{request.method} {request.url.raw_path.decode()} HTTP/1.1"]
    lines += [f"{name}: {value}" for name, value in request.headers.items()]
    return {
        "request": "\r\n".join([*lines, "", request.content.decode()]),
        "status": 200 if is_read else 204,
        "body": _BODY if is_read else "",
    }


def _token(instance: Instance) -> str:
    tokens = JWTGenerator(
        secret_key=os.environ["AIRFLOW__API_AUTH__JWT_SECRET"],
        audience="urn:airflow.apache.org:task",
        issuer=None,
        valid_for=_TOKEN_SECONDS,
    )
    return str(tokens.generate({"sub": str(instance.id), "scope": "execution"}))


if __name__ == "__main__":
    main()
