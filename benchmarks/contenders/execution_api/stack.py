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
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from benchmarks.contenders import OURS_EXPRESS
from benchmarks.contenders.execution_api import lane_counts
from benchmarks.contenders.execution_api.client import HOST, Exchange
from benchmarks.contenders.execution_api.variants import VARIANTS
from benchmarks.harness.target import Target

_STARTS_WITHIN = 180.0
_LOG_TAIL = 10_000
# Longer than any run: Airflow renews a token in the last fifth of its life.
_TOKEN_SECONDS = 24 * 3600


@dataclass(frozen=True)
class Contender:
    """An API server, and what each task says to it: its writes, and its reads."""

    port: int
    pid: int
    tasks: Sequence[Mapping[str, Sequence[Exchange]]]

    @property
    def cpu_seconds(self) -> float:
        """The CPU time that the server's process has taken, all of its threads together."""
        # The clock that Linux has for any process: it counts nanoseconds, not hundredths.
        return time.clock_gettime(~self.pid << 3 | 2)


@dataclass(frozen=True)
class Servers:
    """All API servers, and the Airflow that they are of."""

    contenders: Mapping[str, Contender]
    database: str
    home: Path
    environment: dict[str, str] = field(repr=False)

    def lane_counts(self) -> dict[str, Any]:
        """Return what the express lane has counted."""
        server = self.contenders[OURS_EXPRESS]
        return lane_counts.ask(server.pid, self.home / f"{server.port}.counts")


@contextmanager
def api_servers(
    contenders: Sequence[str],
    database: str,
    target: Target,
    task_count: int,
    *,
    log_level: str = "INFO",
) -> Iterator[Servers]:
    """Run an API server for each contender, all on one metadata database.

    With INFO, which Airflow has by default, they log a line for each request.
    """
    ports = {contender: _free_port() for contender in contenders}
    servers = [
        {"port": port, "database": database, "variant": asdict(VARIANTS[each])}
        for each, port in ports.items()
    ]
    with tempfile.TemporaryDirectory(prefix="redis-state-api-") as name:
        home = Path(name)
        environment = _environment(home, target, database)
        logging = {"AIRFLOW__LOGGING__LOGGING_LEVEL": log_level}
        with _running_servers(servers, home, environment | logging) as process:
            tasks = _make_tasks(task_count, database, environment)
            for port in ports.values():
                _wait_until_it_listens(process, port)
            running = {
                each: Contender(port, _pid(home, port), _expected_of(each, tasks))
                for each, port in ports.items()
            }
            yield Servers(running, database, home, environment)


def _environment(home: Path, target: Target, database: str) -> dict[str, str]:
    inherited = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("AIRFLOW", "REDIS_STATE_"))
    }
    return inherited | {
        "AIRFLOW_HOME": str(home),
        # Plug-ins work in this one only.
        "AIRFLOW_API_APPS": "all",
        "AIRFLOW__API_AUTH__JWT_SECRET": secrets.token_urlsafe(64),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": database,
        "AIRFLOW__EXECUTION_API__JWT_EXPIRATION_TIME": str(_TOKEN_SECONDS),
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
    count: int, database: str, environment: dict[str, str]
) -> list[dict[str, list[Exchange]]]:
    # A process of its own: the client of the tasks shall have nothing but their requests.
    program = "benchmarks.contenders.execution_api.tasks"
    command = [sys.executable, "-m", program, str(count), database]
    printed = subprocess.check_output(command, env=environment)  # noqa: S603
    return [
        {method: [_exchange(**each) for each in said] for method, said in task.items()}
        for task in json.loads(printed)
    ]


def _exchange(**said: Any) -> Exchange:
    return Exchange(said["request"].encode(), said["status"], said["body"].encode())


def _expected_of(
    contender: str, tasks: Sequence[Mapping[str, Sequence[Exchange]]]
) -> Sequence[Mapping[str, Sequence[Exchange]]]:
    if not VARIANTS[contender].answers_at_once:
        return tasks
    return [
        {
            method: [replace(each, status=204, body=b"") for each in said]
            for method, said in task.items()
        }
        for task in tasks
    ]


def _pid(home: Path, port: int) -> int:
    return int((home / f"{port}.pid").read_text())


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port: int = probe.getsockname()[1]
        return port
