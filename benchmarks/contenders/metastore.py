"""Airflow's default, its metadata database, as the API server uses it: in this process."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING, Any

from benchmarks.harness import workload
from benchmarks.harness.installed import HAS_AIRFLOW
from redis_state import TaskScope

if TYPE_CHECKING or HAS_AIRFLOW:
    import sqlalchemy
    from airflow.state import TaskScope as AirflowScope
    from airflow.state.metastore import MetastoreBackend
    from airflow.utils.orm_event_handlers import setup_event_handlers
    from sqlalchemy.orm import sessionmaker

    from tests.with_airflow.server.metadata import Metadata

# Airflow's defaults.
_POOL = {"pool_size": 5, "max_overflow": 10, "pool_recycle": 1800, "pool_pre_ping": True}


class Metastore:
    """Gives each call a session of its own, as the API server gives one to each request."""

    def __init__(self, url: str) -> None:
        # The API server's threads share connections.
        threads = {"check_same_thread": False} if url.startswith("sqlite") else {}
        self._engine = sqlalchemy.create_engine(url, connect_args=threads, **_POOL)
        setup_event_handlers(self._engine)
        self._sessions = sessionmaker(self._engine, autoflush=False, expire_on_commit=False)
        self._backend = MetastoreBackend()

    def get(self, scope: TaskScope, key: str) -> object:
        """Select one row."""
        return self._do(self._backend.get, scope, key)

    def set(
        self, scope: TaskScope, key: str, value: str, *, expires_at: datetime | None = None
    ) -> object:
        """Select the run's id, and insert or update one row."""
        return self._do(self._backend.set, scope, key, value, expires_at=expires_at)

    def delete(self, scope: TaskScope, key: str) -> object:
        """Delete one row."""
        return self._do(self._backend.delete, scope, key)

    def clear(self, scope: TaskScope) -> object:
        """Delete the rows of an instance."""
        return self._do(self._backend.clear, scope)

    def close(self) -> None:
        """Close all connections."""
        self._engine.dispose()

    def _do(
        self, method: Callable[..., Any], scope: TaskScope, *arguments: Any, **more: Any
    ) -> Any:
        place = AirflowScope(scope.dag_id, scope.run_id, scope.task_id, scope.map_index)
        with self._sessions.begin() as session:
            return method(place, *arguments, session=session, **more)


def add_run(url: str) -> None:
    """Add the run of all instances, without which the metastore keeps nothing of them."""
    metadata = Metadata(url)
    metadata.dag(workload.DAG)
    metadata.run(workload.DAG, workload.RUN)
    metadata.close()
