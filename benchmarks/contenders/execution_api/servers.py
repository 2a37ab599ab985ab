"""Run as a program, with Airflow: the API server, in a process for each state store backend.

The processes are forks of one that has built the app, as under gunicorn: up to there they are the
same. Each is one uvicorn with the options that `airflow api-server` gives to it. All of them end
when this program's standard input does.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
import traceback
from typing import Any

import uvicorn
from airflow import settings
from airflow.api_fastapi.main import app

_HOST = "127.0.0.1"
# Longer than any run: Airflow has 120 s, and some connections must wait for their case.
_KEEP_ALIVE = 3600


def main() -> None:
    asyncio.run(_first_request())
    for server in json.loads(sys.argv[1]):
        if not os.fork():
            _serve(**server)
    sys.stdin.read()
    os.killpg(0, signal.SIGKILL)


def _serve(port: int, backend: str, database: str) -> None:
    try:
        os.environ["AIRFLOW__STATE_STORE__BACKEND"] = backend
        os.environ["AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"] = database
        settings.configure_vars()
        settings.reconfigure_orm()
        settings.configure_adapters()
        options: dict[str, Any] = {"log_config": None, "log_level": "warning", "access_log": False}
        uvicorn.run(app, host=_HOST, port=port, timeout_keep_alive=_KEEP_ALIVE, **options)
    finally:
        # It should have served until it was killed.
        traceback.print_exc()
        os.killpg(0, signal.SIGKILL)


async def _first_request() -> None:
    """Ask for anything: only then the app builds its routes, which takes some seconds."""

    async def receive() -> dict[str, Any]:
        return {"type": "http.request"}

    async def send(_: dict[str, Any]) -> None:
        pass

    path = "/execution/nothing"
    request = {"path": path, "raw_path": path.encode(), "query_string": b"", "headers": []}
    await app({"type": "http", "method": "GET", **request}, receive, send)


if __name__ == "__main__":
    main()
