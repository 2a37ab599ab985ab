"""What redis-state is for, in a few seconds, on an embedded server: `make demo`."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import redis

from redis_state import RedisStateBackend, TaskScope
from redis_state.testing import EmbeddedServer

SUBMIT = TaskScope("demo", "manual__1", "submit_job")
INGEST = TaskScope("demo", "manual__1", "ingest")
REPORT = TaskScope("demo", "manual__1", "report")
INSTANCES = 1_000
PAGES = 7


def main() -> None:
    if len(sys.argv) == 3:
        {"submit": submit, "ingest": ingest}[sys.argv[1]](RedisStateBackend(url=sys.argv[2]))
        return
    with EmbeddedServer() as server:
        backend = RedisStateBackend(url=server.url)
        say(f"An embedded Valkey runs at {server.url}")
        a_job_survives_its_task(server)
        a_checkpoint_survives_too(server)
        a_value_expires(backend, server)
        a_mapped_task_is_cleared(backend, server)
        say("Done. The server and all it held are gone.")


def a_job_survives_its_task(server: EmbeddedServer) -> None:
    title("1. A task starts a job, stores its id, and dies; its retry finds it")
    run_task("submit", server)
    run_task("submit", server)
    show_page(server, "airflow:t:{demo/manual__1/submit_job}:-1")


def submit(backend: RedisStateBackend) -> None:
    """Be a task that starts an external job; the first try is killed while the job runs."""
    job_id = backend.get(SUBMIT, "job_id")
    if job_id is None:
        backend.set(SUBMIT, "job_id", '"job-42"', expires_at=in_(days=30))
        say("  try 1: no job yet: started job-42, stored its id ... killed (SIGKILL)")
        die()
    say(f"  try 2: found {job_id}: waits for it, starts no second one")


def a_checkpoint_survives_too(server: EmbeddedServer) -> None:
    title("2. A task that reads pages dies at the fourth; its retry goes on there")
    run_task("ingest", server)
    run_task("ingest", server)


def ingest(backend: RedisStateBackend) -> None:
    """Be a task that reads pages and keeps a checkpoint; the first try is killed on the way."""
    begun_at = json.loads(backend.get(INGEST, "next_page") or "1")
    done: list[int] = []
    for page in range(begun_at, PAGES + 1):
        if begun_at == 1 and page == 4:
            say(f"  try 1: read pages {done} ... killed (SIGKILL)")
            die()
        done.append(page)
        backend.set(INGEST, "next_page", json.dumps(page + 1), expires_at=in_(days=30))
    say(f"  try 2: read pages {done}: none twice, none missed")


def a_value_expires(backend: RedisStateBackend, server: EmbeddedServer) -> None:
    title("3. A value with a retention of 2 s goes by itself, a permanent one beside it stays")
    backend.set(REPORT, "token", '"short-lived"', expires_at=in_(seconds=2))
    backend.set(REPORT, "rows", "1234")
    page = "airflow:t:{demo/manual__1/report}:-1"
    for _ in range(6):
        (ttl,) = ask(server, "HPTTL", page, "FIELDS", "1", "token")
        left = f"{int(ttl):5} ms" if int(ttl) >= 0 else "no such field"
        value, rows = backend.get(REPORT, "token"), backend.get(REPORT, "rows")
        say(f"  the server says {left:>13}   token = {value!s:15} rows = {rows}")
        time.sleep(0.5)


def a_mapped_task_is_cleared(backend: RedisStateBackend, server: EmbeddedServer) -> None:
    title(f"4. {INSTANCES:,} mapped instances with state of their own, cleared in one atomic step")
    instances = [TaskScope("demo", "manual__1", "mapped", index) for index in range(INSTANCES)]
    for instance in instances:
        backend.set(instance, "progress", '"half way"', expires_at=in_(days=30))
    say(f"  written: {INSTANCES:,} values in {ask(server, 'DBSIZE')} keys, other tasks' among them")
    begun = time.perf_counter()
    backend.clear(instances[0], all_map_indices=True)
    took = (time.perf_counter() - begun) * 1000
    left = sum(backend.get(instance, "progress") is not None for instance in instances)
    say(f"  cleared: {left} values left, after one UNLINK that took {took:.1f} ms")
    say(f"  the other tasks' state is untouched: rows = {backend.get(REPORT, 'rows')}")


def run_task(name: str, server: EmbeddedServer) -> None:
    """Run one try of a task, in a process of its own as Airflow does."""
    ended = subprocess.run([sys.executable, __file__, name, server.url], check=False)
    if ended.returncode not in (0, -signal.SIGKILL):
        sys.exit(f"The task {name} failed: {ended}")


def show_page(server: EmbeddedServer, page: str) -> None:
    (ttl,) = ask(server, "HPTTL", page, "FIELDS", "1", "job_id")
    say(f"  the server holds {page}")
    say(f"    job_id, which expires by itself in {int(ttl) / 86_400_000:.1f} days")


def ask(server: EmbeddedServer, *command: str) -> Any:
    """Ask the server itself, past the library."""
    with redis.Redis(unix_socket_path=str(server.socket_path)) as client:
        return client.execute_command(*command)


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def in_(**duration: float) -> datetime:
    return datetime.now(UTC) + timedelta(**duration)


def title(text: str) -> None:
    say(f"\n{text}\n")


def say(text: str) -> None:
    print(text, flush=True)


if __name__ == "__main__":
    main()
