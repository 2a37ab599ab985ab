"""State of both sides, and what a server has of it."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import redis

from redis_state import AssetScope, RedisStateBackend, RedisWorkerBackend, TaskScope

TASK, MAPPED = TaskScope("dag", "run", "task"), TaskScope("dag", "run", "mapped", 131)
ASSET, BY_NAME = AssetScope(asset_id=7), AssetScope(name="orders")
ENDS = datetime.now(UTC).replace(microsecond=654_321) + timedelta(days=30)


def fill(options: dict[str, Any]) -> None:
    """Write values of both sides, and references to those of the workers."""
    server, worker = RedisStateBackend(**options), RedisWorkerBackend(**options)
    for scope in (TASK, MAPPED, ASSET):
        server.set_many(scope, {"a": "1", "b": '"' + "long" * 100 + '"'})
    for scope in (TASK, MAPPED):
        server.set(scope, "lease", "3", expires_at=ENDS)
    for scope, of_worker in ((MAPPED, MAPPED), (ASSET, BY_NAME)):
        serialize = worker.serialize_task_state_store_to_ref
        if scope is ASSET:
            serialize = worker.serialize_asset_state_store_to_ref
        reference = serialize(value={"of": "a worker"}, key="result", scope=of_worker)
        document = json.dumps({"__airflow_state_ref__": reference})
        server.set(scope, "result", document, expires_at=ENDS if scope is MAPPED else None)
    server.close()
    worker.close()


def contents(client: redis.Redis, namespace: str) -> dict[tuple[bytes, bytes], bytes]:
    found: dict[tuple[bytes, bytes], bytes] = {}
    for page in client.scan_iter(f"{namespace}:*", count=1000):
        fields: Any = client.hgetall(page)
        name = page.removeprefix(namespace.encode())
        found |= {(name, field): raw for field, raw in fields.items() if field != b"\0"}
    return found
