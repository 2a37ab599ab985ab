"""Requests through Airflow's Execution API, as all tasks send them."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from importlib.metadata import version

from benchmarks.chapters.api import rates, statements
from benchmarks.chapters.bench import Bench
from benchmarks.contenders import (
    BARE_ANSWER,
    DICT,
    METASTORE_POSTGRESQL,
    OURS,
    OURS_EXPRESS,
    postgresql,
)
from benchmarks.contenders.execution_api.databases import baseline, describe, metadata_database
from benchmarks.contenders.execution_api.stack import Contender, api_servers
from benchmarks.harness.effort import Effort
from benchmarks.harness.results import Case, Chapter

_BESIDE = (OURS, OURS_EXPRESS, DICT, BARE_ANSWER)
_SENTENCE = (
    "Tasks get and set their state by HTTP: the requests of Airflow's task SDK, with an expiry, on "
    "connections that are kept alive. Each of Airflow's API servers is one process with all its "
    "apps; only the state store differs. The bare 204 is no store: a middleware of a plug-in that "
    "answers at once, the limit of what can be done there."
)


def measure(bench: Bench) -> Chapter:
    """Measure each number of clients."""
    names = (baseline(), *_BESIDE)
    with (
        metadata_database() as database,
        api_servers(names, database, bench.target, max(rates.CLIENTS)) as contenders,
    ):
        cases = asyncio.run(_measure(database, contenders, bench.effort))
    title = "Requests through Airflow's Execution API"
    return Chapter("execution_api", title, _SENTENCE, "seconds", tuple(cases))


def facts() -> dict[str, str]:
    """Name what the figures of this chapter depend on."""
    return {
        "Airflow's metadata database": describe(),
        "FastAPI": version("fastapi"),
        "uvicorn": version("uvicorn"),
    }


def missing(_: Effort) -> dict[str, str]:
    """Name the contenders that are left out of this chapter, and why."""
    if lack := postgresql.lack():
        return {METASTORE_POSTGRESQL: lack}
    if not postgresql.can_count():
        return {"statements in the metadata database": "there is no pg_stat_statements here"}
    return {}


async def _measure(
    database: str, contenders: Mapping[str, Contender], effort: Effort
) -> list[Case]:
    amount = rates.Amount(effort.api_rounds, effort.api_turn_seconds)
    async with rates.connected(contenders) as tasks:
        counted = []
        if not missing(effort):
            stores = [name for name in contenders if name != BARE_ANSWER]
            counted = await statements.measure(database, tasks, stores)
        return [*await rates.measure(contenders, tasks, amount), *counted]
