"""Tasks in processes of their own, under Airflow's supervisor, as an executor starts them."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from benchmarks.contenders.execution_api.client import HOST
from benchmarks.contenders.execution_api.stack import Servers
from benchmarks.harness.rounds import Round

_DAG_FILE = Path(__file__).with_name("timed_dag.py")
_STARTS_WITHIN = 120.0
_ENDS_WITHIN = 60.0
_LOG_TAIL = 10_000
# Longer than any run.
_TOKEN_SECONDS = 24 * 3600


class TaskProcess:
    """A task that waits to be told what to do."""

    def __init__(self, connection: socket.socket) -> None:
        self._lines = connection.makefile("rw", encoding="utf-8")

    def work(self, method: str, count: int) -> Round:
        """Let it make some calls, one after the other, and return what they took."""
        self._lines.write(f"{method} {count}\n")
        self._lines.flush()
        times: list[float] = json.loads(self._lines.readline())
        return Round(times, sum(times))

    def close(self) -> None:
        """Let it end."""
        self._lines.close()


@contextmanager
def running(servers: Servers, names: Sequence[str]) -> Iterator[dict[str, TaskProcess]]:
    """Run a task on the API server of each of these contenders."""
    dags = servers.home / "dags"
    dags.mkdir(exist_ok=True)
    shutil.copy(_DAG_FILE, dags)
    with ExitStack() as stack:
        yield {
            name: stack.enter_context(_running(servers, name, workload))
            for name, workload in zip(names, _workloads(servers, len(names)), strict=True)
        }


@contextmanager
def _running(servers: Servers, name: str, workload: str) -> Iterator[TaskProcess]:
    port = servers.contenders[name].port
    place, log = servers.home / f"task-{port}", servers.home / f"task-{port}.log"
    environment = servers.environment | {
        "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"http://{HOST}:{port}/execution/",
        "REDIS_STATE_BENCHMARK": str(place),
    }
    program = "airflow.sdk.execution_time.execute_workload"
    with socket.socket(socket.AF_UNIX) as listener, log.open("wb") as output:
        listener.bind(str(place))
        listener.listen()
        listener.settimeout(_STARTS_WITHIN)
        supervisor = subprocess.Popen(  # noqa: S603
            [sys.executable, "-m", program, "--json-string", workload],
            env=environment,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
        try:
            connection, _ = listener.accept()
            with connection:
                task = TaskProcess(connection)
                yield task
                task.close()
            supervisor.wait(_ENDS_WITHIN)
        except Exception as error:
            error.add_note(log.read_text(encoding="utf-8", errors="replace")[-_LOG_TAIL:])
            raise
        finally:
            supervisor.kill()
            supervisor.wait()


def _workloads(servers: Servers, count: int) -> list[str]:
    program = "benchmarks.contenders.execution_api.workloads"
    more = (servers.database, _DAG_FILE.name, str(count), str(_TOKEN_SECONDS))
    command = [sys.executable, "-m", program, *more]
    printed = subprocess.check_output(command, env=servers.environment)  # noqa: S603
    workloads: list[str] = json.loads(printed)
    return workloads
