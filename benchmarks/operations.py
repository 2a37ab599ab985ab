"""What the commands take at real size: ``python -m benchmarks.operations``, an hour.

Each command is a process of its own. Beside it, another client asks the server a thousand times a
second, and the longest that it waits is told, with the slowest command in the server's own log. On
few cores, both also have in them that others ran first; less so where root runs this.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import redis
from redis.cluster import RedisCluster

from benchmarks.harness.filling import Sizes, delete_runs, fill_metadata, fill_redis
from redis_state.testing import EmbeddedServer
from tests.support.clusters import Cluster
from tests.support.ports import HOST
from tests.with_airflow.server.airflow_home import Home
from tests.with_airflow.server.postgresql import PostgreSQL

_SAMPLE = 0.05
_SLOW = 1_000
_FIRST = -10
_WHERE = {"single": "", "cluster": ", three masters"}
_HEAD = ("command", "values", "seconds", "values a second", "peak MB", "stall ms", "slowest ms")


@dataclass
class Watched:
    """What was seen while a command ran."""

    seconds: float = 0.0
    peak: int = 0
    stall: float = 0.0
    slowest: float = 0.0


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.operations")
    parser.add_argument("--instances", type=int, default=1_000_000, help="task instances")
    parser.add_argument("--kind", choices=("single", "cluster"))
    parser.add_argument("--part", choices=("redis", "database"))
    given = parser.parse_args()
    sizes = Sizes(given.instances)
    print("| " + " | ".join(_HEAD) + " |\n|---|" + "---:|" * (len(_HEAD) - 1), flush=True)
    for kind in ("single", "cluster"):
        if given.kind in (None, kind):
            for name, measure in (("redis", _in_redis), ("database", _beside_a_database)):
                if given.part in (None, name):
                    measure(kind, sizes)


def _in_redis(kind: str, sizes: Sizes) -> None:
    with _running(kind) as url, EmbeddedServer() as other, tempfile.TemporaryDirectory() as folder:
        fill_redis(_client(url), sizes)
        run = Runner(url, os.environ | {"REDIS_STATE_URL": url})
        file, where = f"{folder}/state.jsonl", _WHERE[kind]
        run(f"ls{where}", sizes.values, "ls", "-o", "jsonl")
        run(f"stats{where}", sizes.values, "stats", "-o", "json")
        run(f"export{where}", sizes.values, "export", "--file", file)
        if kind == "single":
            run = Runner(other.url, os.environ | {"REDIS_STATE_URL": other.url})
        run(f"import{where}", sizes.values, "import", file, "--namespace", "restored")


def _beside_a_database(kind: str, sizes: Sizes) -> None:
    where = _WHERE[kind]
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        url = stack.enter_context(_running(kind))
        database = stack.enter_context(PostgreSQL()).url
        home = Home(folder, url, database)
        run = Runner(url, os.environ | {"AIRFLOW_HOME": str(folder)} | home.options)
        runs = fill_metadata(database, sizes)
        fill_redis(_client(url), sizes, runs)
        other = stack.enter_context(EmbeddedServer()).url
        for name, source, target in (
            ("Redis to Redis", "redis", other),
            ("to PostgreSQL", "redis", "metastore"),
            ("to Redis", "metastore", "redis"),
        ):
            if source == "metastore":
                # What is freed later stalls a server of this size for a second.
                _client(url).execute_command("FLUSHALL", "SYNC")
            moved = ("migrate", "--from", source, "--to", target)
            run(f"migrate {name}{where}", sizes.values, *moved)
        delete_runs(database, sizes)
        run(f"sweep, a tenth goes{where}", sizes.values, "sweep", "--yes", "--grace", "0s")


class Runner:
    """Runs commands and watches the server meanwhile."""

    def __init__(self, url: str, environment: dict[str, str]) -> None:
        self._url = url
        self._environment = environment

    def __call__(self, name: str, values: int, *arguments: str) -> None:
        """Run a command, and print its row."""
        command = [sys.executable, "-m", "redis_state", *arguments]
        client, watched = _client(self._url), Watched()
        _put_first(client)
        _configure(client, "slowlog-log-slower-than", _SLOW)
        with _pinging(self._url, watched):
            begun = time.monotonic()
            process = subprocess.Popen(  # noqa: S603 - our own command
                command, env=self._environment, stdout=subprocess.DEVNULL
            )
            while process.poll() is None:
                watched.peak = max(watched.peak, _peak(process.pid))
                time.sleep(_SAMPLE)
            watched.seconds = time.monotonic() - begun
        watched.slowest = _slowest(client)
        if process.returncode:
            sys.exit(f"{name} ended with {process.returncode}.")
        rate = values / watched.seconds
        cells = (name, f"{values:,}", f"{watched.seconds:.0f}", f"{rate:,.0f}")
        more = (f"{watched.peak / 1024:.0f}", f"{watched.stall:.1f}", f"{watched.slowest:.1f}")
        print("| " + " | ".join((*cells, *more)) + " |", flush=True)


@contextmanager
def _running(kind: str) -> Iterator[str]:
    if kind == "single":
        with EmbeddedServer() as server:
            yield server.url
    else:
        with Cluster("valkey91", node_timeout=15_000) as cluster:
            yield cluster.url


def _client(url: str) -> Any:
    if url.startswith("redis+cluster"):
        port = int(url.rpartition(":")[2])
        return RedisCluster(host=HOST, port=port, protocol=2)
    return redis.Redis.from_url(url, protocol=2)


@contextmanager
def _pinging(url: str, watched: Watched) -> Iterator[None]:
    is_over = threading.Event()

    def ping() -> None:
        client = _client(url)
        while not is_over.wait(0.001):
            begun = time.perf_counter()
            client.hget("nobody", "nothing")
            watched.stall = max(watched.stall, 1_000 * (time.perf_counter() - begun))

    thread = threading.Thread(target=ping)
    thread.start()
    try:
        yield
    finally:
        is_over.set()
        thread.join()


def _peak(pid: int) -> int:
    # Of the program itself: what wait4 tells begins with the process that started it.
    try:
        lines = Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith("VmHWM:")), 0)


def _masters(client: Any) -> list[Any]:
    if isinstance(client, RedisCluster):
        return [client.get_redis_connection(node) for node in client.get_primaries()]
    return [client]


def _put_first(client: Any) -> None:
    """Let servers run before all else here, as on a machine of their own; root may."""
    if os.geteuid() == 0:
        for master in _masters(client):
            os.setpriority(os.PRIO_PROCESS, master.info("server")["process_id"], _FIRST)


def _configure(client: Any, name: str, value: int) -> None:
    for master in _masters(client):
        master.config_set(name, value)
        master.slowlog_reset()


def _slowest(client: Any) -> float:
    slow = [each["duration"] for master in _masters(client) for each in master.slowlog_get(100)]
    return max(slow, default=0) / 1_000


if __name__ == "__main__":
    main()
