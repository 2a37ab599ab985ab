"""What the express lane takes from inside Airflow, for the versions that it was compared with.

Airflow promises none of these names. They are imported here and nowhere else.
"""

from __future__ import annotations

from typing import Any

from airflow.api_fastapi.auth.tokens import JWTValidator
from airflow.api_fastapi.execution_api.app import (
    CorrelationIdMiddleware,
    JWTReissueMiddleware,
)
from airflow.api_fastapi.execution_api.datamodels.asset_state_store import AssetStateStorePutBody
from airflow.api_fastapi.execution_api.datamodels.task_state_store import (
    TaskStateStorePutBody,
    TaskStateStoreResponse,
)
from airflow.models.asset import AssetActive, AssetModel
from airflow.models.dagrun import DagRun
from airflow.models.taskinstance import TaskInstance

__all__ = [
    "API_VERSIONS",
    "AssetStateStorePutBody",
    "CorrelationIdMiddleware",
    "JWTReissueMiddleware",
    "JWTValidator",
    "TaskStateStorePutBody",
    "TaskStateStoreResponse",
    "asset",
    "asset_active",
    "dag_run",
    "task_instance",
]

# By the version of Airflow: the versions of its Execution API that have the routes for state.
API_VERSIONS = {
    "3.3.2": (b"2026-06-30",),
    "3.4.0b2": (b"2026-06-30", b"2026-10-30"),
}

task_instance: Any = TaskInstance.__table__
dag_run: Any = DagRun.__table__
asset: Any = AssetModel.__table__
asset_active: Any = AssetActive.__table__
