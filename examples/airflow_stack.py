"""A real Airflow of one's own: API server, scheduler, tasks as processes, all gone at the end."""

from __future__ import annotations

import json
import os
import random
import secrets
import socket
import sqlite3
import sys
import tempfile
import time
import urllib.error
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing, suppress
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from examples.airflow_api import AirflowApi, AirflowError, Login
from examples.processes import Processes, kill_worker

_STARTS_WITHIN = 180.0
_HOST = "127.0.0.1"
# What a user writes to switch the state store on.
_AIRFLOW_CFG = """\
[state_store]
backend = redis_state.RedisStateBackend
[redis_state]
url = {url}
"""
# What makes this Airflow small and quick; none of it is about state.
_SETTINGS = {
    "CORE__EXECUTOR": "LocalExecutor",
    "CORE__PARALLELISM": "6",
    "CORE__LOAD_EXAMPLES": "False",
    "CORE__DAGS_ARE_PAUSED_AT_CREATION": "False",
    "CORE__MAX_ACTIVE_TASKS_PER_DAG": "32",
    "CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS": "True",
    "API__HOST": _HOST,
    "API__EXPOSE_STACKTRACE": "True",
    "SCHEDULER__SCHEDULER_IDLE_SLEEP_TIME": "0.2",
    "SCHEDULER__JOB_HEARTBEAT_SEC": "2",
    # A killed worker is noticed after this time without a heartbeat.
    "WORKERS__MIN_HEARTBEAT_INTERVAL": "1",
    "SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT": "10",
    "SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT_DETECTION_INTERVAL": "1",
    "TRIGGERER__JOB_HEARTBEAT_SEC": "1",
    "LOGGING__COLORED_CONSOLE_LOG": "False",
}


class AirflowStack:
    """Airflow's components as processes, on a database, a folder and a port of their own.

    ``settings`` are options beside those of the stack, such as
    ``{"STATE_STORE__CLEAR_ON_SUCCESS": "True"}``; ``environment`` is passed on as it is. Without a
    ``login``, everybody is let in.
    """

    def __init__(
        self,
        dag_folders: Sequence[Path],
        state_store_url: str,
        *,
        triggerer: bool = False,
        login: Login | None = None,
        settings: Mapping[str, str] | None = None,
        environment: Mapping[str, str] | None = None,
        say: Callable[[str], None] = lambda _: None,
    ) -> None:
        # The worker that was killed, by the DAG it worked for.
        self.killed: dict[str, int] = {}
        self._say = say
        self._begun = time.monotonic()
        self._home = Path(tempfile.mkdtemp(prefix="redis-state-airflow-"))
        self._port = _free_port()
        self._components = ["api-server", "scheduler", *(["triggerer"] if triggerer else [])]
        self._processes = Processes(self._home)
        self._login = login
        options = {**(login.settings if login else {}), **(settings or {})}
        self._environment = self._make_environment(dag_folders, options, environment or {})
        (self._home / "airflow.cfg").write_text(_AIRFLOW_CFG.format(url=state_store_url))
        self.api = AirflowApi(
            f"http://{_HOST}:{self._port}", self._home / "logs", self._processes.log_tails
        )

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()

    def start(self) -> None:
        """Start all components, and return when DAGs can be run."""
        self._begun = time.monotonic()
        if self._login:
            self._login.write(self._home)
        self._say("airflow db migrate")
        self._start("db", "migrate")
        self._wait_for("the database", partial(self._has_succeeded, "db"))
        # The API server is the slowest to start.
        for component in self._components:
            self._start(component, *self._options(component))
        self._start("dag-processor", "--num-runs", "1")
        self._say(f"airflow {', '.join(self._components)}, dag-processor")
        self._wait_for("the DAGs", partial(self._has_succeeded, "dag-processor"))
        self._wait_for("the API server", self._answers)
        self.api.login(self._login)
        self._refuse_broken_dags()
        for component in self._components[1:]:
            self._wait_for(f"the {component}", partial(self._is_healthy, component))

    def stop(self) -> None:
        """End all components and running tasks at once, and remove all they left."""
        self._processes.stop()

    def kill_worker(self, dag_id: str, task_id: str) -> None:
        """Kill the running task and the worker above it; Airflow has to find out by itself."""
        self.killed[dag_id] = kill_worker(self.api.running_pid(dag_id, task_id))

    def restart(self, *components: str, settings: Mapping[str, str] | None = None) -> None:
        """Kill components and start others in their place, with more options if need be."""
        self._environment |= _as_variables(settings or {})
        for component in components:
            self._processes.kill(component)
            self._start(component, *self._options(component))
        self._wait_for("the API server", self._answers)

    def ask_database(self, query: str, *parameters: Any) -> list[Any]:
        """Read from the metadata database, for what the API does not tell."""
        with closing(sqlite3.connect(self._home / "airflow.db", timeout=30)) as database:
            return database.execute(query, parameters).fetchall()

    def log(self, component: str) -> str:
        """Return what a component has logged."""
        return self._processes.log_path(component).read_text(encoding="utf-8", errors="replace")

    def _make_environment(
        self,
        dag_folders: Sequence[Path],
        settings: Mapping[str, str],
        environment: Mapping[str, str],
    ) -> dict[str, str]:
        bundles = [
            {
                "name": f"{number}-{folder.parent.name}",
                "classpath": "airflow.dag_processing.bundles.local.LocalDagBundle",
                "kwargs": {"path": str(folder)},
            }
            for number, folder in enumerate(dag_folders)
        ]
        own = {
            "CORE__EXECUTION_API_SERVER_URL": f"http://{_HOST}:{self._port}/execution/",
            "CORE__FERNET_KEY": "",
            # On a busy machine, so many processes wait longer for SQLite than its five seconds.
            "DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{self._home / 'airflow.db'}?timeout=60",
            "API__SECRET_KEY": secrets.token_hex(32),
            "API_AUTH__JWT_SECRET": secrets.token_hex(32),
            "DAG_PROCESSOR__DAG_BUNDLE_CONFIG_LIST": json.dumps(bundles),
        }
        inherited = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("AIRFLOW", "REDIS_STATE_", "COV", "PYTEST"))
        }
        options = _SETTINGS | own | dict(settings)
        return {
            **inherited,
            **_as_variables(options),
            "AIRFLOW_HOME": str(self._home),
            # The folders of the DAGs are left as they are.
            "PYTHONDONTWRITEBYTECODE": "1",
            "PYTHONPATH": os.pathsep.join([*map(str, dag_folders), *_inherited_path()]),
            "NO_PROXY": "*",
            **environment,
        }

    def _start(self, component: str, *arguments: str) -> None:
        airflow = Path(sys.executable).parent / "airflow"
        command = [str(airflow), component, *arguments]
        self._processes.start(component, command, self._environment)

    def _options(self, component: str) -> list[str]:
        if component == "api-server":
            return ["--port", str(self._port)]
        return ["--skip-serve-logs"]

    def _wait_for(self, what: str, condition: Callable[[], bool]) -> None:
        deadline = time.monotonic() + _STARTS_WITHIN
        while not condition():
            failed = [name for name in self._processes.ended() if name in self._components]
            if failed or time.monotonic() > deadline:
                why = f"{failed[0]} ended" if failed else "it took too long"
                logs = self._processes.log_tails()
                raise AirflowError(f"Waited for {what}, but {why}.\n{logs}")
            time.sleep(0.05)
        self._say(f"{what} after {time.monotonic() - self._begun:.1f} s")

    def _has_succeeded(self, component: str) -> bool:
        code = self._processes.exit_code(component)
        if code:
            logs = self._processes.log_tails()
            raise AirflowError(f"airflow {component} ended with exit code {code}.\n{logs}")
        return code == 0

    def _answers(self) -> bool:
        try:
            self.api.health()
            self.api.warm_up()
        except urllib.error.URLError:
            return False
        return True

    def _is_healthy(self, component: str) -> bool:
        return bool(self.api.health()[component]["status"] == "healthy")

    def _refuse_broken_dags(self) -> None:
        errors = self.api.get("/importErrors")["import_errors"]
        if errors:
            texts = "\n".join(f"{each['filename']}: {each['stack_trace']}" for each in errors)
            raise AirflowError(f"These DAGs cannot be imported.\n{texts}")


def _as_variables(options: Mapping[str, str]) -> dict[str, str]:
    return {f"AIRFLOW__{name}": value for name, value in options.items()}


def _inherited_path() -> list[str]:
    path = os.environ.get("PYTHONPATH")
    return [path] if path else []


def _free_port() -> int:
    # The API server takes it seconds later: it lies below those that the system gives to others.
    while True:
        port = random.SystemRandom().randint(20_000, 29_999)
        with socket.socket() as probe, suppress(OSError):
            probe.bind((_HOST, port))
            return port
