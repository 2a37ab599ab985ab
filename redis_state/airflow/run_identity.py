"""The incarnation of a run: a number of its ``dag_run`` row, from the session Airflow hands in.

A run that is deleted and created again under the same run id gets another one. Airflow has loaded
the run for the same request just before it calls the backend, but keeps no reference to it; so a
listener notes the number in the session when the row is loaded, and no query is needed.
"""

from __future__ import annotations

import sys
import zlib
from datetime import datetime
from typing import Any

UNKNOWN = 0

# Where in a session the runs are noted.
NOTES = "redis_state.incarnations"
_NEEDED = {"id", "dag_id", "run_id", "created_at"}


class ClosedSession:
    """Stands for a session that was closed, and knows of the runs what was noted in it."""

    def __init__(self, session: Any) -> None:
        self.info: dict[Any, Any] = session.info


class KnownRun:
    """Stands for a session in which one run was loaded, or none."""

    def __init__(
        self, scope: Any = None, row_id: int = 0, created_at: datetime | None = None
    ) -> None:
        known = {} if scope is None else {(scope.dag_id, scope.run_id): number(row_id, created_at)}
        self.info: dict[Any, Any] = {NOTES: known}

    @classmethod
    def of_incarnation(cls, scope: Any, known: int) -> KnownRun:
        """Return the run of a task whose incarnation is known already."""
        run = cls()
        run.info[NOTES][scope.dag_id, scope.run_id] = known
        return run


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
        notes[run] = _look_up(session, *run)
    return int(notes[run])


def _note(run: Any, context: Any) -> None:
    # Not `run.id`: an attribute that was not loaded would be, by a query.
    loaded = run.__dict__
    if loaded.keys() >= _NEEDED:
        notes = context.session.info.setdefault(NOTES, {})
        notes[loaded["dag_id"], loaded["run_id"]] = number(loaded["id"], loaded["created_at"])


def _look_up(session: Any, dag_id: str, run_id: str) -> int:
    # Once in a process: for the request that built the backend, whose run was loaded before.
    models = sys.modules.get("airflow.models.dagrun")
    if models is None:
        return UNKNOWN
    from sqlalchemy import select
    from sqlalchemy.orm import Session

    if not isinstance(session, Session):
        return UNKNOWN
    model = models.DagRun
    for held in [each.__dict__ for each in session.identity_map.values() if type(each) is model]:
        if held.keys() >= _NEEDED and (held["dag_id"], held["run_id"]) == (dag_id, run_id):
            return number(held["id"], held["created_at"])
    query = select(model.id, model.created_at)
    row = session.execute(query.where(model.dag_id == dag_id, model.run_id == run_id)).first()
    return number(*row) if row is not None else UNKNOWN


def number(row_id: int, created_at: datetime | None) -> int:
    """Return the incarnation of a run, from its row."""
    # The id alone would not do: SQLite gives that of the last row away again.
    born = created_at.timestamp() if created_at is not None else 0.0
    return zlib.crc32(f"{row_id} {born:.6f}".encode()) or 1
