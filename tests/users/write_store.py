"""Writes a store with another version of the library, for test_earlier_store.py to read.

    PYTHONPATH=CHECKOUT python tests/users/write_store.py SERVER > earlier_store_FORM.json

CHECKOUT is a work tree of the version that writes, SERVER the path of a Redis server, or "valkey"
for the one of the wheel. It takes an environment with Airflow, whose key one namespace is encrypted
with, and uses nothing of the library but its public names.
"""

from __future__ import annotations

import base64
import json
import os
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import redis

from redis_state import AssetScope, RedisStateBackend, RedisWorkerBackend, StateScope, TaskScope
from redis_state.testing import EmbeddedServer

FIRST, SECOND, AIRFLOWS = (
    base64.urlsafe_b64encode(bytes([byte] * 32)).decode() for byte in (1, 2, 3)
)
COMPRESSED = {"compression_threshold": 60}
OWN_FIRST = {"encryption": "own", "encryption_keys": FIRST}
OWN_BOTH = {"encryption": "own", "encryption_keys": f"{SECOND},{FIRST}"}
# Each namespace is written in stages, as its options change.
STORES: dict[str, list[dict[str, Any]]] = {
    "store-plain": [{}],
    "store-compressed": [COMPRESSED],
    "store-own": [OWN_FIRST, OWN_BOTH],
    "store-airflow": [{"encryption": "airflow"}],
    "store-both": [OWN_FIRST | COMPRESSED, OWN_BOTH | COMPRESSED],
}
KEYS_TO_READ = f"{SECOND},{FIRST},{AIRFLOWS}"

LATER = datetime(2100, 1, 2, 3, 4, 5, 678_901, UTC)
EVEN_LATER = datetime(2101, 1, 1, tzinfo=UTC)
# Redis takes no deadline as late as this one.
LATEST = datetime(9000, 1, 1, tzinfo=UTC)
AWKWARD = {"cursor": "7", "\0odd": '"é"', "\ud800": '"\ud800"', "3:job": "[1, 2]", "": ""}
LONG = f'"{"7" * 80}"'


def tasks_of(stage: int) -> list[TaskScope]:
    """Return scopes of tasks: the second and third share a page, all of the fourth ends."""
    return [
        TaskScope(f"a/b {stage}", "manual__2026-01-02T03:04:05+00:00", "{é} 100%"),
        *(TaskScope("etl", "r", f"load {stage}", index) for index in (3, 131)),
        TaskScope("etl", "r", f"load {stage}", 4),
        TaskScope("etl", "r", f"extract {stage}", -1, UUID(int=7)),
    ]


def assets_of(stage: int) -> list[tuple[AssetScope, AssetScope]]:
    """Return scopes of assets, as the server side has them and as a worker has them."""
    return [
        (AssetScope(asset_id=10 + stage), AssetScope(name=f"orders {stage}")),
        (AssetScope(asset_id=20 + stage), AssetScope(uri=f"s3://lake/{stage}/")),
    ]


def write_values(backend: RedisStateBackend | RedisWorkerBackend, scope: StateScope) -> None:
    """Write permanent and expiring values, and one that is over before it is read."""
    backend.set_many(scope, AWKWARD)
    backend.set(scope, "long", LONG)
    backend.set(scope, "overwritten", '"first"', expires_at=LATER)
    backend.set(scope, "overwritten", '"second"')
    backend.set(scope, "deleted", "1")
    backend.delete(scope, "deleted")
    backend.set(scope, "lease", '"for long"', expires_at=LATER)
    backend.set_many(scope, {"lease 2": LONG, "lease 3": "3"}, expires_at=EVEN_LATER)
    backend.set(scope, "latest", '"beyond what Redis takes"', expires_at=LATEST)
    backend.set(scope, "over", "1", expires_at=datetime.now(UTC) + timedelta(milliseconds=20))


def document(reference: str) -> str:
    """Return a reference as Airflow's API server stores it."""
    return json.dumps({"__airflow_state_ref__": reference})


def write_stage(
    server: RedisStateBackend, worker: RedisWorkerBackend, stage: int
) -> Iterator[tuple[str, Any]]:
    """Write all scopes of a stage, and return the references with what they stand for."""
    plain, mapped, *neighbours, lone, regional = tasks_of(stage)
    for scope in (plain, mapped, *neighbours, regional):
        write_values(server, scope)
    server.set_many(lone, {"a": "1", "b": LONG}, expires_at=LATER)
    for task in (plain, mapped):
        for key, value, expires_at in (
            ("result", {"rows": 7}, None),
            ("long result", "7" * 80, None),
            ("short-lived result", "é", LATER),
        ):
            reference = worker.serialize_task_state_store_to_ref(value=value, key=key, scope=task)
            server.set(task, key, document(reference), expires_at=expires_at)
            yield reference, value
    reference = worker.serialize_task_state_store_to_ref(value=LONG, key="c", scope=lone)
    server.set(lone, "c", document(reference), expires_at=EVEN_LATER)
    yield reference, LONG
    worker.set(plain, "of the worker alone", LONG, expires_at=LATER)
    for asset, its_own in assets_of(stage):
        write_values(server, asset)
        for key, value in (("watermark", "2026-01-02"), ("long watermark", LONG)):
            for written in ("an earlier one", value):
                reference = worker.serialize_asset_state_store_to_ref(
                    value=written, key=key, scope=its_own
                )
                server.set(asset, key, document(reference))
            yield reference, value
        worker.set(its_own, "of the worker alone", "1")


def as_list(scope: StateScope) -> list[Any]:
    """Return a scope as JSON has it."""
    if isinstance(scope, TaskScope):
        region = scope.region_id.hex
        return ["task", scope.dag_id, scope.run_id, scope.task_id, scope.map_index, region]
    return ["asset", scope.asset_id, scope.name, scope.uri]


def microseconds(moment: datetime) -> int:
    """Return a moment as microseconds since 1970."""
    return (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)


def entries_of(
    backend: RedisStateBackend | RedisWorkerBackend, scopes: list[StateScope]
) -> list[dict[str, Any]]:
    """Return what the version that writes reads of it."""
    return [
        {
            "scope": as_list(scope),
            "entries": {
                key: [
                    entry.value,
                    microseconds(entry.updated_at),
                    entry.expires_at and microseconds(entry.expires_at),
                ]
                for key, entry in backend.entries(scope).items()
            },
        }
        for scope in scopes
    ]


def dump(client: Any) -> list[dict[str, Any]]:
    """Return every hash of the server with the deadlines that the server knows, in milliseconds."""

    def text(data: bytes) -> str:
        return base64.b64encode(data).decode()

    pages = []
    for page in sorted(client.scan_iter(count=1000)):
        (seconds, microseconds), left = client.pipeline().time().pttl(page).execute()
        fields = []
        for field, value in sorted(client.hgetall(page).items()):
            try:
                (until,) = client.execute_command("HPEXPIRETIME", page, "FIELDS", 1, field)
            except redis.ResponseError:
                until = -1  # a server that knows no deadlines of fields
            fields.append([text(field), text(value), until if until > 0 else None])
        now = seconds * 1000 + microseconds // 1000
        pages.append(
            {"page": text(page), "until": now + left if left > 0 else None, "fields": fields}
        )
    return pages


def main() -> None:
    """Write all namespaces into an empty server, and print what lies there."""
    os.environ["AIRFLOW__CORE__FERNET_KEY"] = AIRFLOWS
    executable = None if sys.argv[1] == "valkey" else Path(sys.argv[1])
    namespaces = {}
    with EmbeddedServer(executable=executable) as running:
        client = redis.Redis(unix_socket_path=str(running.socket_path), protocol=2)
        for namespace, stages in STORES.items():
            references: list[tuple[str, Any]] = []
            tasks: list[StateScope] = []
            assets: list[tuple[AssetScope, AssetScope]] = []
            for stage, options in enumerate(stages):
                where = {"url": running.url, "namespace": namespace}
                server = RedisStateBackend(**where, **options)
                worker = RedisWorkerBackend(**where, **options)
                references += write_stage(server, worker, stage)
                tasks += tasks_of(stage)
                assets += assets_of(stage)
            time.sleep(0.1)
            namespaces[namespace] = {
                "server": entries_of(server, [*tasks, *(scope for scope, _ in assets)]),
                "worker": entries_of(worker, [*tasks, *(its_own for _, its_own in assets)]),
                "references": references,
            }
            server.close()
            worker.close()
        found = {"keys": KEYS_TO_READ, "namespaces": namespaces, "pages": dump(client)}
        client.close()
    lines = json.dumps(found, separators=(",", ":")).replace('{"', '\n{"')
    sys.stdout.write(f"{lines.strip()}\n")


if __name__ == "__main__":
    main()
