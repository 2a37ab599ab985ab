"""Requests through Airflow's Execution API, as all tasks send them."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from importlib.metadata import version

from benchmarks.chapters.api import rates, statements, waiting
from benchmarks.chapters.bench import Bench
from benchmarks.contenders import (
    BARE_ANSWER,
    DICT,
    METASTORE_POSTGRESQL,
    METASTORE_PURE_ASGI,
    OURS,
    OURS_EXPRESS,
    OURS_EXPRESS_PURE_ASGI,
    OURS_PURE_ASGI,
    postgresql,
)
from benchmarks.contenders.execution_api import lane_counts
from benchmarks.contenders.execution_api.client import Task
from benchmarks.contenders.execution_api.databases import baseline, describe, metadata_database
from benchmarks.contenders.execution_api.stack import Servers, api_servers
from benchmarks.harness.effort import Effort
from benchmarks.harness.results import Case, Chapter

# What stands behind Airflow's API also from within a task, and with middlewares of pure ASGI.
_STORES = (OURS, OURS_EXPRESS)
_PURE = (METASTORE_PURE_ASGI, OURS_PURE_ASGI, OURS_EXPRESS_PURE_ASGI)
_MANY_ROUNDS = 10
_SENTENCE = (
    "Tasks get and set their state by HTTP: the requests of Airflow's task SDK, with an expiry, on "
    "connections that are kept alive. Each of Airflow's API servers is one process with all its "
    "apps, and logs a line for each request, as by default; only the state store differs. The bare "
    "204 is no store: a middleware of a plug-in that answers at once, the limit of what can be "
    "done there."
)


def measure(bench: Bench) -> Chapter:
    """Measure each number of clients, what a request costs, and what a task waits."""
    base, effort = baseline(), bench.effort
    beside = (*_STORES, DICT, BARE_ANSWER, *(_PURE if _with_pure_asgi(effort) else ()))
    with (
        metadata_database() as database,
        api_servers((base, *beside), database, bench.target, max(rates.CLIENTS)) as servers,
    ):
        cases = asyncio.run(_measure(servers, effort))
        cases += waiting.measure(servers, (base, *_STORES), effort.api_rounds)
        counted = lane_counts.in_words(servers.lane_counts())
    title = "Requests through Airflow's Execution API"
    sentence = f"{_SENTENCE} {counted}"
    return Chapter("execution_api", title, sentence, "seconds", tuple(cases))


def facts() -> dict[str, str]:
    """Name what the figures of this chapter depend on."""
    return {
        "Airflow's metadata database": describe(),
        "FastAPI": version("fastapi"),
        "uvicorn": version("uvicorn"),
    }


def missing(effort: Effort) -> dict[str, str]:
    """Name what is left out of this chapter, and why."""
    found = {}
    if lack := postgresql.lack():
        found[METASTORE_POSTGRESQL] = lack
    elif not postgresql.can_count():
        found["statements in the metadata database"] = "there is no pg_stat_statements here"
    if not _with_pure_asgi(effort):
        found["middlewares of pure ASGI"] = "a short run does without"
    return found


def _with_pure_asgi(effort: Effort) -> bool:
    return effort.api_rounds >= _MANY_ROUNDS


async def _measure(servers: Servers, effort: Effort) -> list[Case]:
    cases = []
    async with rates.connected(servers.contenders) as tasks:
        if not postgresql.lack() and postgresql.can_count():
            stores = [baseline(), *_STORES, DICT]
            # First: PostgreSQL then counts no longer, as that takes a little time.
            cases = await statements.measure(
                servers.database, tasks, stores, effort.api_turn_seconds
            )
        own = {name: each for name, each in servers.contenders.items() if name not in _PURE}
        amount = rates.Amount(effort.api_rounds, effort.api_turn_seconds)
        cases = [*await rates.measure(own, tasks, amount), *cases]
        if _with_pure_asgi(effort):
            cases += await _with_and_without(servers, tasks, effort)
    return cases


async def _with_and_without(
    servers: Servers, tasks: Mapping[str, Sequence[Task]], effort: Effort
) -> list[Case]:
    """Measure what pure ASGI would change: each beside the same without."""
    pairs = zip((baseline(), *_STORES), _PURE, strict=True)
    some = {name: servers.contenders[name] for pair in pairs for name in pair}
    amount = rates.Amount(effort.api_rounds // 2, effort.api_turn_seconds)
    return await rates.measure(some, tasks, amount, clients=(1, 8), prefix="pure ASGI: ")
