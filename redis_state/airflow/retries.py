"""How long the tasks of Airflow's DAGs wait for a retry, as the metadata database has them."""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
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


@dataclass
class Waits:
    """The tasks that wait long, the longest first; of how many DAGs, and whether these are all."""

    tasks: list[Wait] = field(default_factory=list)
    dags: int = 0
    # DAGs whose serialised form is not what Airflow writes.
    unreadable: int = 0
    is_all: bool = True


def waits(at_least: float) -> Waits:
    """Return the tasks of active DAGs that may wait so many seconds or more for a retry."""
    found = Waits()
    for row in _dags():
        if found.dags + found.unreadable == MOST_DAGS:
            found.is_all = False
            break
        try:
            of_tasks = [Wait(row.dag_id, *each) for each in _of_dag(_data(row))]
        except (AttributeError, KeyError, TypeError, ValueError, zlib.error):
            found.unreadable += 1
        else:
            found.dags += 1
            found.tasks += [wait for wait in of_tasks if wait.seconds >= at_least]
    found.tasks.sort(key=lambda wait: -wait.seconds)
    return found


def _dags() -> Iterator[Any]:
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
        yield from session.execute(query.execution_options(yield_per=_AT_A_TIME))


def _data(row: Any) -> Any:
    packed = row.data_compressed
    return row.data if packed is None else json.loads(zlib.decompress(packed))


def _of_dag(data: Any) -> Iterator[tuple[str, float]]:
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
