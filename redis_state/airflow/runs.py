"""The runs that the metadata database has, for tools: where this process can ask it."""

from __future__ import annotations

import logging
from collections.abc import Callable
from importlib import import_module
from types import ModuleType
from typing import Any

from redis_state.airflow.run_identity import KnownRun

_log = logging.getLogger(__name__)


# A task in one of these does nothing any more, unless it is cleared.
ENDED = {"success", "failed", "skipped", "upstream_failed", "removed"}


def look_up(scope: Any) -> KnownRun | None:
    """Return the run of a task, as the backend takes it; None where nobody can tell."""

    def query(models: ModuleType, select: Any) -> Any:
        run = models.DagRun
        columns = select(run.id, run.created_at)
        return columns.where(run.dag_id == scope.dag_id, run.run_id == scope.run_id)

    row = _first("airflow.models.dagrun", query)
    return None if row is None else KnownRun(scope, *row)


def instance_state(scope: Any) -> str | None:
    """Return the state of a task instance; None where it has none, or nobody can tell."""

    def query(models: ModuleType, select: Any) -> Any:
        instance = models.TaskInstance
        names = ("dag_id", "run_id", "task_id", "map_index")
        conditions = [getattr(instance, name) == getattr(scope, name) for name in names]
        return select(instance.state).where(*conditions)

    row = _first("airflow.models.taskinstance", query)
    return None if row is None or row[0] is None else str(row[0])


def _first(models: str, query: Callable[[ModuleType, Any], Any]) -> Any:
    try:
        module = import_module(models)
        create_session = import_module("airflow.utils.session").create_session
        from sqlalchemy import select
    except ImportError:
        return None
    try:
        with create_session(scoped=False) as session:
            return session.execute(query(module, select)).first()
    except Exception as error:  # noqa: BLE001 - whatever the database has against it
        _log.info("The metadata database does not answer: %s", error)
        return None
