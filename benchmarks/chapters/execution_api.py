"""Requests through Airflow's Execution API, where all that Airflow does comes on top."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from importlib.metadata import version

from benchmarks.chapters.bench import Bench
from benchmarks.contenders import METASTORE_POSTGRESQL, METASTORE_SQLITE, postgresql
from benchmarks.contenders.execution_api.client import Task, work_together
from benchmarks.contenders.execution_api.databases import describe, metadata_databases
from benchmarks.contenders.execution_api.stack import Contender, api_servers
from benchmarks.harness.effort import Effort
from benchmarks.harness.progress import track
from benchmarks.harness.results import Case, Chapter
from benchmarks.harness.rounds import Record, turns

_CLIENTS = (1, 8, 32)
_MANY_ROUNDS = 10
# They are shown beside the others, whose ratio is what needs many requests.
_ASKED_LESS = {METASTORE_SQLITE, METASTORE_POSTGRESQL}
_SENTENCE = (
    "Tasks get and set their state by HTTP: the requests of Airflow's task SDK, half of them "
    "reads and half writes with an expiry, on connections that are kept alive. Airflow's API "
    "server is one process with the Execution API; only its state store backend differs."
)


def measure(bench: Bench) -> Chapter:
    """Measure each number of clients."""
    with (
        metadata_databases(with_sqlite=_with_sqlite(bench.effort)) as databases,
        api_servers(databases, bench.target, max(_CLIENTS)) as contenders,
    ):
        cases = asyncio.run(_measure(contenders, bench.effort))
    title = "Requests through Airflow's Execution API"
    return Chapter("execution_api", title, _SENTENCE, "seconds", cases)


def facts() -> dict[str, str]:
    """Name what the figures of this chapter depend on."""
    return {
        "Airflow's metadata database": describe(),
        "FastAPI": version("fastapi"),
        "uvicorn": version("uvicorn"),
    }


def missing(effort: Effort) -> dict[str, str]:
    """Name the contenders that are left out of this chapter, and why."""
    if lack := postgresql.lack():
        return {METASTORE_POSTGRESQL: lack}
    if not _with_sqlite(effort):
        return {f"{METASTORE_SQLITE} in execution_api": "a short run does without"}
    return {}


def _with_sqlite(effort: Effort) -> bool:
    # Nobody runs Airflow on SQLite in earnest.
    return effort.api_rounds >= _MANY_ROUNDS


async def _measure(contenders: Mapping[str, Contender], effort: Effort) -> tuple[Case, ...]:
    tasks = {name: await _connect(contender) for name, contender in contenders.items()}
    for _, each in track("execution_api, warming up", list(tasks.items())):
        # At any time, half of the tasks write and the others read.
        warm = [task.warm_up(then_read=number % 2 == 1) for number, task in enumerate(each)]
        await asyncio.gather(*warm)
    measured = [await _measure_together(count, tasks, effort) for count in _CLIENTS]
    for each in tasks.values():
        for task in each:
            await task.close()
    return tuple(measured)


async def _connect(contender: Contender) -> list[Task]:
    return [await Task.connect(contender.port, exchanges) for exchanges in contender.tasks]


async def _measure_together(count: int, tasks: Mapping[str, list[Task]], effort: Effort) -> Case:
    record = Record("1 client" if count == 1 else f"{count} clients", list(tasks))
    # The servers are warm.
    order = turns(record.contenders, effort.api_rounds, warm_up_rounds=0)
    # Many clients need more requests until all of them are busy.
    requests = effort.api_requests_per_round // (1 if count == max(_CLIENTS) else 2)
    for turn in track(f"execution_api, {record.case}", order):
        part = 4 if turn.contender in _ASKED_LESS else 1
        record.add(turn, await work_together(tasks[turn.contender][:count], requests // part))
    return record.sum_up()
