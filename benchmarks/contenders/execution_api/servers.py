"""Run as a program, with Airflow: the API server, in a process for each variant.

The processes are forks of one that has imported Airflow's apps. Each then builds its own, as what
a plug-in does is settled there, and is one uvicorn with the options that `airflow api-server` gives
to it. All of them end when this program's standard input does.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import traceback
from importlib import import_module
from pathlib import Path
from typing import Any

import uvicorn
from airflow import settings
from fastapi.middleware import Middleware

from benchmarks.contenders.execution_api import lane_counts

_HOST = "127.0.0.1"
# Longer than any run: Airflow has 120 s, and some connections must wait for their case.
_KEEP_ALIVE = 3600
# What building the apps imports.
_APPS = (
    "airflow.api_fastapi.app",
    "airflow.api_fastapi.core_api.routes.public",
    "airflow.api_fastapi.core_api.routes.ui",
    "airflow.api_fastapi.execution_api.routes",
    "airflow.api_fastapi.execution_api.versions",
)


class AtOnce:
    """Answers each request for state with an empty 204, and does nothing else."""

    def __init__(self, app: Any) -> None:
        self._app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Answer, or pass the request on."""
        if scope["type"] != "http" or not scope["path"].startswith("/execution/store/"):
            await self._app(scope, receive, send)
            return
        while (await receive()).get("more_body"):
            pass
        await send({"type": "http.response.start", "status": 204, "headers": []})
        await send({"type": "http.response.body", "body": b""})


def main() -> None:
    for module in _APPS:
        import_module(module)
    for server in json.loads(sys.argv[1]):
        if not os.fork():
            _serve(**server)
    sys.stdin.read()
    os.killpg(0, signal.SIGKILL)


def _serve(port: int, database: str, variant: Any) -> None:
    try:
        os.environ["AIRFLOW__STATE_STORE__BACKEND"] = variant["backend"]
        os.environ["AIRFLOW__REDIS_STATE__EXPRESS_LANE"] = str(variant["express_lane"])
        os.environ["AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"] = database
        settings.configure_vars()
        # The engine for threads, and the one for event loops.
        settings.reconfigure_orm()
        settings.configure_adapters()
        app = import_module("airflow.api_fastapi.main").app
        if variant["pure_asgi"]:
            _make_pure(app, with_execution_api=not variant["express_lane"])
        if variant["answers_at_once"]:
            # Beside the middlewares of plug-ins, which are the innermost.
            app.user_middleware.append(Middleware(AtOnce))
        home = Path(os.environ["AIRFLOW_HOME"])
        lane_counts.tell_when_signalled(home / f"{port}.counts")
        (home / f"{port}.pid").write_text(f"{os.getpid()}")
        options: dict[str, Any] = {"log_config": None, "log_level": "warning", "access_log": False}
        uvicorn.run(app, host=_HOST, port=port, timeout_keep_alive=_KEEP_ALIVE, **options)
    finally:
        # It should have served until it was killed.
        traceback.print_exc()
        os.killpg(0, signal.SIGKILL)


def _make_pure(app: Any, *, with_execution_api: bool) -> None:
    pure_asgi = import_module("benchmarks.contenders.execution_api.pure_asgi")
    pure_asgi.replace(app)
    if with_execution_api:
        # The express lane wants those to be Airflow's own, and passes them by.
        pure_asgi.replace(next(each.app for each in app.routes if each.path == "/execution"))


if __name__ == "__main__":
    main()
