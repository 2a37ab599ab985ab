"""The runs that the metadata database has, for tools: where this process can ask it."""

from __future__ import annotations

import logging
from importlib import import_module
from typing import Any

from redis_state.airflow.run_identity import KnownRun

_log = logging.getLogger(__name__)


def look_up(scope: Any) -> KnownRun | None:
    """Return the run of a task, as the backend takes it; None where nobody can tell."""
    try:
        run = import_module("airflow.models.dagrun").DagRun
        create_session = import_module("airflow.utils.session").create_session
        from sqlalchemy import select
    except ImportError:
        return None
    query = select(run.id, run.created_at).where(
        run.dag_id == scope.dag_id, run.run_id == scope.run_id
    )
    try:
        with create_session() as session:
            row = session.execute(query).first()
    except Exception as error:  # noqa: BLE001 - whatever the database has against it
        _log.info("The metadata database does not tell the run: %s", error)
        return None
    return None if row is None else KnownRun(scope, *row)
