"""How many statements a request makes in the metadata database, by PostgreSQL's own count.

All are counted that arrive there: queries, and `BEGIN`, `COMMIT` and `ROLLBACK`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from importlib import import_module
from typing import Any

from benchmarks.chapters.api.rates import LEAST, METHODS, Amount
from benchmarks.contenders.execution_api.client import Task, work_together
from benchmarks.harness.progress import track
from benchmarks.harness.results import Case
from benchmarks.harness.rounds import Record, Round, turns

_CLIENTS = 32
# A count does not vary as a time does.
_ROUNDS = 2
_ENDS_WITHIN = 0.1
_COUNT = "SELECT coalesce(sum(calls), 0) FROM pg_stat_statements WHERE query NOT LIKE '%pg_stat%'"


async def measure(
    database: str,
    tasks: Mapping[str, Sequence[Task]],
    contenders: Sequence[str],
    turn_seconds: float,
) -> list[Case]:
    """Count those of writes and of reads, in turns."""
    with _counter(database) as counter:
        amount = Amount(_ROUNDS, turn_seconds)
        return [await _measure(method, counter, tasks, contenders, amount) for method in METHODS]


async def _measure(
    method: str,
    counter: Any,
    tasks: Mapping[str, Sequence[Task]],
    contenders: Sequence[str],
    amount: Amount,
) -> Case:
    name = f"statements in the metadata database, {method}, {_CLIENTS} clients"
    record = Record(name, contenders, "statements", has_single_calls=False)
    shares: dict[str, int] = {}
    for turn in track(f"execution_api, {name}", turns(contenders, amount.rounds)):
        counter.execute("SELECT pg_stat_statements_reset()")
        share = shares.get(turn.contender, LEAST)
        measured = await work_together(tasks[turn.contender][:_CLIENTS], method, share)
        # A transaction may end a little after the request.
        await asyncio.sleep(_ENDS_WITHIN)
        counter.execute(_COUNT)
        count = float(counter.fetchone()[0]) / len(measured.calls)
        record.add(turn, Round([count], count))
        if not turn.counts:
            shares[turn.contender] = amount.share(measured, _CLIENTS)
    return record.sum_up()


@contextmanager
def _counter(database: str) -> Iterator[Any]:
    """Let PostgreSQL count, which takes time, and no longer."""
    url = database.replace("postgresql+psycopg2", "postgresql")
    with closing(import_module("psycopg2").connect(url)) as connection:
        connection.autocommit = True
        counter = connection.cursor()
        counter.execute("CREATE EXTENSION IF NOT EXISTS pg_stat_statements")
        _track(counter, "top")
        try:
            yield counter
        finally:
            _track(counter, "none")


def _track(counter: Any, what: str) -> None:
    counter.execute(f"ALTER SYSTEM SET pg_stat_statements.track = '{what}'")
    counter.execute("SELECT pg_reload_conf()")
