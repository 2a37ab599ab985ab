"""What the chapter runs on: Airflow's API server for each contender, and tasks that talk to it."""

from __future__ import annotations

import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.contenders import DICT, METASTORE_POSTGRESQL, METASTORE_SQLITE, OURS
from benchmarks.contenders.execution_api.client import HOST, Exchange
from benchmarks.harness.target import Target

_METASTORE = "airflow.state.metastore.MetastoreBackend"
_BACKENDS = {
    OURS: "redis_state.RedisStateBackend",
    DICT: "benchmarks.contenders.execution_api.dict_backend.DictBackend",
    METASTORE_SQLITE: _METASTORE,
    METASTORE_POSTGRESQL: _METASTORE,
}
_STARTS_WITHIN = 120.0
_LOG_TAIL = 10_000


@dataclass(frozen=True)
class Contender:
    """An API server, and what each task says to it."""

    port: int
    tasks: Sequence[Sequence[Exchange]]


@contextmanager
def api_servers(
    databases: Mapping[str, str], target: Target, task_count: int
) -> Iterator[dict[str, Contender]]:
    """Run an API server for each contender, on its metadata database."""
    ports = {contender: _free_port() for contender in databases}
    servers = [
        {"port": port, "backend": _BACKENDS[each], "database": databases[each]}
        for each, port in ports.items()
    ]
    with tempfile.TemporaryDirectory(prefix="redis-state-api-") as name:
        home = Path(name)
        environment = _environment(home, target, next(iter(databases.values())))
        with _running_servers(servers, home, environment) as process:
            tasks = _make_tasks(task_count, sorted(set(databases.values())), environment)
            for port in ports.values():
                _wait_until_it_listens(process, port)
            yield {each: Contender(port, tasks[databases[each]]) for each, port in ports.items()}


def _environment(home: Path, target: Target, database: str) -> dict[str, str]:
    inherited = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("AIRFLOW", "REDIS_STATE_"))
    }
    return inherited | {
        "AIRFLOW_HOME": str(home),
        "AIRFLOW_API_APPS": "execution",
        "AIRFLOW__API_AUTH__JWT_SECRET": secrets.token_urlsafe(64),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": database,
        # Without a line for each request.
        "AIRFLOW__LOGGING__LOGGING_LEVEL": "WARNING",
        "AIRFLOW__REDIS_STATE__URL": target.url,
        "AIRFLOW__REDIS_STATE__NAMESPACE": target.namespace,
        "PYTHONPATH": os.pathsep.join(path for path in sys.path if path),
    }


@contextmanager
def _running_servers(
    servers: Sequence[Mapping[str, Any]], home: Path, environment: dict[str, str]
) -> Iterator[subprocess.Popen[bytes]]:
    log = home / "api-servers.log"
    with log.open("wb") as output:
        process = subprocess.Popen(  # noqa: S603
            [
                sys.executable,
                "-m",
                "benchmarks.contenders.execution_api.servers",
                json.dumps(servers),
            ],
            env=environment,
            stdin=subprocess.PIPE,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        yield process
    except Exception as error:
        error.add_note(log.read_text(encoding="utf-8", errors="replace")[-_LOG_TAIL:])
        raise
    finally:
        # With all its forks, unless they are gone.
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()


def _wait_until_it_listens(process: subprocess.Popen[bytes], port: int) -> None:
    deadline = time.monotonic() + _STARTS_WITHIN
    while True:
        try:
            socket.create_connection((HOST, port)).close()
        except ConnectionRefusedError:
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError("Airflow's API server did not come up.") from None
            time.sleep(0.05)
        else:
            return


def _make_tasks(
    count: int, databases: Sequence[str], environment: dict[str, str]
) -> dict[str, list[list[Exchange]]]:
    # A process of its own: the client of the tasks shall have nothing but their requests.
    command = [
        sys.executable,
        "-m",
        "benchmarks.contenders.execution_api.tasks",
        str(count),
        *databases,
    ]
    printed = subprocess.check_output(command, env=environment)  # noqa: S603
    return {
        database: [[_exchange(**each) for each in task] for task in tasks]
        for database, tasks in zip(databases, json.loads(printed), strict=True)
    }


def _exchange(**said: Any) -> Exchange:
    return Exchange(said["request"].encode(), said["status"], said["body"].encode())


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port: int = probe.getsockname()[1]
        return port
