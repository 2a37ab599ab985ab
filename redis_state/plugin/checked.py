"""What the plug-in takes from inside Airflow, and the versions that it was tested with.

Airflow promises none of these names. They are imported here and nowhere else.
"""

from __future__ import annotations

from typing import Any

from airflow.api_fastapi.common.dagbag import DagBagDep
from airflow.api_fastapi.common.db.common import SessionDep
from airflow.api_fastapi.common.exceptions import init_error_handlers
from airflow.api_fastapi.common.parameters import QueryLimit, QueryOffset
from airflow.api_fastapi.core_api.datamodels import asset_state_store as asset_models
from airflow.api_fastapi.core_api.datamodels import task_state_store as task_models
from airflow.api_fastapi.core_api.routes.public import asset_state_store as asset_routes
from airflow.api_fastapi.core_api.routes.public import task_state_store as task_routes
from airflow.api_fastapi.core_api.security import (
    ReadableTIFilterDep,
    get_user,
    requires_access_asset,
    requires_access_dag,
    requires_access_view,
)

__all__ = [
    "AssetStateStoreBody",
    "AssetStateStoreCollectionResponse",
    "AssetStateStoreLastUpdatedBy",
    "AssetStateStoreResponse",
    "CoordinateResolver",
    "DagBagDep",
    "QueryLimit",
    "QueryOffset",
    "ReadableTIFilterDep",
    "SessionDep",
    "TaskScopeDep",
    "TaskStateStoreBody",
    "TaskStateStoreCollectionResponse",
    "TaskStateStorePatchBody",
    "TaskStateStoreResponse",
    "get_user",
    "init_error_handlers",
    "narrow_all_map_indices",
    "region_scope",
    "region_scope_to_clear",
    "require_asset",
    "require_task",
    "require_task_to_clear",
    "requires_access_asset",
    "requires_access_dag",
    "requires_access_view",
    "resolve_expires_at",
]

AssetStateStoreBody = asset_models.AssetStateStoreBody
AssetStateStoreCollectionResponse = asset_models.AssetStateStoreCollectionResponse
AssetStateStoreLastUpdatedBy = asset_models.AssetStateStoreLastUpdatedBy
AssetStateStoreResponse = asset_models.AssetStateStoreResponse
TaskStateStoreBody = task_models.TaskStateStoreBody
TaskStateStoreCollectionResponse = task_models.TaskStateStoreCollectionResponse
TaskStateStorePatchBody = task_models.TaskStateStorePatchBody
TaskStateStoreResponse = task_models.TaskStateStoreResponse

# How Airflow reads the path and query of a task's routes, and answers 404 to what is not there.
TaskScopeDep = task_routes.TaskScopeDep
# Since 3.4, a task may have regions, and in a loop map indices for each of them.
CoordinateResolver: Any = None
region_scope: Any = None
region_scope_to_clear: Any = None
try:
    from airflow.api_fastapi.core_api.services.public import task_coordinates
    from airflow.models.task_coordinates import TaskCoordinateResolver
except ImportError:
    pass
else:
    CoordinateResolver = TaskCoordinateResolver
    region_scope = task_coordinates._task_scope  # noqa: SLF001 - see above
    region_scope_to_clear = task_routes._resolve_clear_scope  # noqa: SLF001 - see above
narrow_all_map_indices = getattr(
    task_routes, "_clear_all_map_indices", lambda _scope, _session, all_map_indices: all_map_indices
)
require_task = task_routes._validate_scope  # noqa: SLF001 - see above
require_task_to_clear = task_routes._validate_clear_scope  # noqa: SLF001 - see above
resolve_expires_at = task_routes._resolve_expires_at  # noqa: SLF001 - see above
require_asset = asset_routes._get_asset_or_404  # noqa: SLF001 - see above
