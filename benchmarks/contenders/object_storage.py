"""The state store of Airflow's common.io provider, on a local folder.

It is the worker-side backend that comes with Airflow: `[workers] state_store_backend`, which keeps
a file for each value. Only its own methods are measured, without the request to the API server that
Airflow adds to each of them to keep the file's name there. It knows no expiry.
"""

from __future__ import annotations

import os
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.harness.installed import HAS_AIRFLOW
from redis_state import TaskScope

if TYPE_CHECKING or HAS_AIRFLOW:
    from airflow.providers.common.io.state_store.backend import StateStoreObjectStorageBackend
    from airflow.sdk.state import TaskScope as WorkerScope


class ObjectStorage:
    """Files below a folder; there is only one such folder in a process."""

    def __init__(self, folder: Path) -> None:
        # The provider looks for it when it first needs it, and never again.
        os.environ["AIRFLOW__COMMON_IO__STATE_STORE_OBJECTSTORAGE_PATH"] = folder.as_uri()
        self._backend = StateStoreObjectStorageBackend()

    def get(self, scope: TaskScope, key: str) -> object:
        """Read a file."""
        return self._backend.get(_worker_scope(scope), key)

    def set(
        self, scope: TaskScope, key: str, value: str, *, expires_at: datetime | None = None
    ) -> object:
        """Write a file."""
        return self._backend.set(_worker_scope(scope), key, value, expires_at=expires_at)

    def delete(self, scope: TaskScope, key: str) -> object:
        """Remove a file."""
        return self._backend.delete(_worker_scope(scope), key)

    def clear(self, scope: TaskScope) -> object:
        """Remove the files of an instance."""
        return self._backend.clear(_worker_scope(scope))


def _worker_scope(scope: TaskScope) -> WorkerScope:
    return WorkerScope(scope.dag_id, scope.run_id, scope.task_id, scope.map_index)
