"""How long the tasks of Airflow's DAGs wait for a retry, as the metadata database has them."""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterator
from importlib import import_module
from typing import Any, NamedTuple

from redis_state.airflow.metastore import transaction

# Those that were changed last; a thousand take about a second.
MOST_DAGS = 1000
_AT_A_TIME = 20
# What Airflow takes where nobody says otherwise, and the most that it lets a delay grow to.
_DELAY = 300.0
_MOST_GROWN = 86_400.0


class Wait(NamedTuple):
    """The longest that a task waits for a retry, in seconds."""

    dag_id: str
    task_id: str
    seconds: float


class Waits(NamedTuple):
    """The tasks that wait long, the longest first; of how many DAGs, and whether these are all."""

    tasks: list[Wait]
    dags: int
    is_all: bool


def waits(at_least: float) -> Waits:
    """Return the tasks of active DAGs that may wait so many seconds or more for a retry."""
    found: list[Wait] = []
    dags = 0
    for dag_id, data in _dags():
        if dags == MOST_DAGS:
            return Waits(_longest_first(found), dags, is_all=False)
        dags += 1
        of_tasks = (Wait(dag_id, *each) for each in _of_dag(data))
        found += [wait for wait in of_tasks if wait.seconds >= at_least]
    return Waits(_longest_first(found), dags, is_all=True)


def _longest_first(found: list[Wait]) -> list[Wait]:
    return sorted(found, key=lambda wait: -wait.seconds)


def _dags() -> Iterator[tuple[str, dict[str, Any]]]:
    from sqlalchemy import func, select

    table = import_module("airflow.models.serialized_dag").SerializedDagModel.__table__
    dag = import_module("airflow.models").DagModel.__table__.c
    row, older = table.c, table.alias().c
    newest = select(func.max(older.created_at)).where(older.dag_id == row.dag_id).scalar_subquery()
    query = (
        select(row.dag_id, row.data, row.data_compressed)
        .join_from(table, dag.dag_id.table, dag.dag_id == row.dag_id)
        .where(dag.is_stale.is_(False), row.created_at == newest)
        .order_by(row.created_at.desc())
        .limit(MOST_DAGS + 1)
    )
    with transaction() as session:
        for found in session.execute(query.execution_options(yield_per=_AT_A_TIME)):
            yield found.dag_id, found.data or json.loads(zlib.decompress(found.data_compressed))


def _of_dag(data: dict[str, Any]) -> Iterator[tuple[str, float]]:
    common = data.get("client_defaults", {}).get("tasks", {})
    for each in data["dag"].get("tasks", ()):
        task = _plain(each)
        # What a mapped task has for all its instances.
        said = common | task | _plain(task.get("partial_kwargs", {}))
        if said.get("retries"):
            yield str(task["task_id"]), _longest(said)


def _longest(said: dict[str, Any]) -> float:
    delay = float(_plain(said.get("retry_delay", _DELAY)))
    factor = float(said.get("retry_exponential_backoff") or 1)
    if factor == 1 or factor < 0:
        return delay
    try:
        # Airflow draws from what it is, to twice that; what shrinks is longest at first.
        grown = 2 * max(delay, 1) * max(factor, 1) ** (int(said["retries"]) - 1)
    except OverflowError:
        grown = _MOST_GROWN
    most = _plain(said.get("max_retry_delay"))
    return min(grown, _MOST_GROWN, _MOST_GROWN if most is None else float(most))


def _plain(each: Any) -> Any:
    """Return what is in one of the envelopes of Airflow's serialisation."""
    return each["__var"] if isinstance(each, dict) and "__var" in each else each
