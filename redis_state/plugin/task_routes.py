"""Airflow's routes for the state of a task instance.

What a route asks of the metadata database is asked, and its connection given back, before Redis is:
see `known`.
"""

from __future__ import annotations

import json
from typing import Any

from airflow.api_fastapi.auth.managers.models.resource_details import DagAccessEntity
from fastapi import APIRouter, Depends, status

from redis_state.plugin.answers import backend, in_order, not_found, read_json
from redis_state.plugin.checked import (
    QueryLimit,
    QueryOffset,
    TaskStateStoreBody,
    TaskStateStoreCollectionResponse,
    TaskStateStorePatchBody,
    TaskStateStoreResponse,
    requires_access_dag,
    resolve_expires_at,
)
from redis_state.plugin.known import ClearedTask, KnownTask, Task
from redis_state.scopes import Entry

_WHAT = "Task state store"
task_router = APIRouter(
    prefix="/dags/{dag_id}/dagRuns/{dag_run_id}/taskInstances/{task_id}/state-store"
)


def _allowed(method: str) -> list[Any]:
    entity = DagAccessEntity.TASK_INSTANCE
    return [Depends(requires_access_dag(method=method, access_entity=entity))]


@task_router.get("", dependencies=_allowed("GET"))
async def list_task_state(
    task: Task, limit: QueryLimit, offset: QueryOffset
) -> TaskStateStoreCollectionResponse:
    """List the state of a task instance, by key; of an unknown one there is none."""
    if not task.has_run:
        return TaskStateStoreCollectionResponse(task_state_store=[], total_entries=0)
    found = await backend().alisting(
        task.scope, limit=limit.value, offset=offset.value, session=task.session
    )
    entries = [_answer(key, entry) for key, entry in in_order(found)]
    return TaskStateStoreCollectionResponse(task_state_store=entries, total_entries=found.total)


@task_router.get("/{key:path}", dependencies=_allowed("GET"))
async def get_task_state(task: Task, key: str) -> TaskStateStoreResponse:
    """Read one value of a task instance."""
    entry = None
    if task.has_run:
        entry = await backend().aentry(task.scope, key, session=task.session)
    if entry is None:
        raise not_found(_WHAT, key)
    return _answer(key, entry)


@task_router.put(
    "/{key:path}", dependencies=_allowed("PUT"), status_code=status.HTTP_204_NO_CONTENT
)
async def set_task_state(task: KnownTask, key: str, body: TaskStateStoreBody) -> None:
    """Write one value of a task instance."""
    expires_at = resolve_expires_at(body.expires_at)
    value = json.dumps(body.value)
    await backend().aset(task.scope, key, value, expires_at=expires_at, session=task.session)


@task_router.patch("/{key:path}", dependencies=_allowed("PUT"))
async def patch_task_state(task: KnownTask, key: str, body: TaskStateStorePatchBody) -> None:
    """Write another value in the place of one, which ends when that would have."""
    value = json.dumps(body.value)
    if not await backend().aoverwrite(task.scope, key, value, session=task.session):
        raise not_found(_WHAT, key)


@task_router.delete(
    "/{key:path}", dependencies=_allowed("DELETE"), status_code=status.HTTP_204_NO_CONTENT
)
async def delete_task_state(task: KnownTask, key: str) -> None:
    """Remove one value of a task instance, which need not be there."""
    await backend().adelete(task.scope, key, session=task.session)


@task_router.delete("", dependencies=_allowed("DELETE"), status_code=status.HTTP_204_NO_CONTENT)
async def clear_task_state(task: ClearedTask) -> None:
    """Remove all values of a task instance, or of all instances of its task."""
    await backend().aclear(task.scope, all_map_indices=task.all_map_indices, session=task.session)


def _answer(key: str, entry: Entry) -> TaskStateStoreResponse:
    return TaskStateStoreResponse(
        key=key,
        value=read_json(entry.value),
        updated_at=entry.updated_at,
        expires_at=entry.expires_at,
    )
