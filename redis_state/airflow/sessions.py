"""The incarnation of a run: the id of its ``dag_run`` row, from the session that Airflow hands in.

A run that is deleted and created again under the same run id gets another one. Airflow has loaded
the run for the same request just before it calls the backend, but keeps no reference to it; so a
listener notes the id in the session when the row is loaded, and no query is needed.
"""

from __future__ import annotations

import sys
from typing import Any

UNKNOWN = 0

# Where in a session the runs are noted.
NOTES = "redis_state.incarnations"


def watch_runs() -> None:
    """Begin to note the runs that are loaded, where this process has Airflow's models."""
    models = sys.modules.get("airflow.models.dagrun")
    if models is None:
        return
    from sqlalchemy import event

    if not event.contains(models.DagRun, "load", _note):
        event.listen(models.DagRun, "load", _note)


def incarnation(session: Any, scope: Any) -> int:
    """Return the incarnation of a task's run; 0 without a session that could know it."""
    info = getattr(session, "info", None)
    if not isinstance(info, dict):
        return UNKNOWN
    run = (scope.dag_id, scope.run_id)
    notes = info.setdefault(NOTES, {})
    if run not in notes:
        notes[run] = _ask(session, *run)
    return int(notes[run])


def _note(run: Any, context: Any) -> None:
    # Not `run.id`: an attribute that was not loaded would be, by a query.
    loaded = run.__dict__
    if loaded.get("id") is not None:
        notes = context.session.info.setdefault(NOTES, {})
        notes[loaded.get("dag_id"), loaded.get("run_id")] = loaded["id"]


def _ask(session: Any, dag_id: str, run_id: str) -> int:
    # Once in a process: for the request that built the backend, whose run was loaded before.
    models = sys.modules.get("airflow.models.dagrun")
    if models is None:
        return UNKNOWN
    from sqlalchemy import select
    from sqlalchemy.orm import Session

    if not isinstance(session, Session):
        return UNKNOWN
    model = models.DagRun
    query = select(model.id).where(model.dag_id == dag_id, model.run_id == run_id)
    return session.scalar(query) or UNKNOWN
