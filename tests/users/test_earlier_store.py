"""A store that an earlier version wrote, all of it, is read and gone on with by this one.

Commit 9bbe9f2 wrote the two stores with write_store.py: one on Redis 6.2, in the hash form, and one
on Valkey 9.1, in the field form. The first is met on every server, as after an upgrade of that.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from redis_state import (
    AssetScope,
    Entry,
    RedisStateBackend,
    RedisWorkerBackend,
    StateScope,
    TaskScope,
)
from redis_state.format import envelope
from tests import matrix
from tests.support.leaks import check_leaks
from tests.support.methods import MODES, Methods
from tests.support.waiting import PATIENT

STORES = {
    form: json.loads(
        Path(__file__).with_name(f"earlier_store_{form}.json").read_text(encoding="ascii")
    )
    for form in ("hash", "field")
}
NAMESPACES = list(STORES["hash"]["namespaces"])
ENCRYPTED = ("store-own", "store-airflow", "store-both")
NEW_KEY = base64.urlsafe_b64encode(bytes([4] * 32)).decode()


@pytest.fixture(
    params=[
        *((name, "hash") for name in matrix.SERVERS),
        *((name, "field") for name in matrix.SERVERS if name in matrix.FIELD_EXPIRY),
    ],
    ids="-".join,
)
def form(request: pytest.FixtureRequest) -> str:
    return str(request.param[1])


@pytest.fixture
def server_name(request: pytest.FixtureRequest, form: str) -> str:
    name: str = request.node.callspec.params["form"][0]
    return name


@pytest.fixture(params=NAMESPACES)
def namespace(request: pytest.FixtureRequest, raw: Any, form: str) -> Iterator[str]:
    """Give a namespace of the store, restored to where it was."""
    name: str = request.param
    for page in STORES[form]["pages"]:
        if decoded(page["page"]).startswith(f"{name}:".encode()):
            restore(raw, page)
    yield name
    for key in raw.scan_iter(match=f"{name}:*", count=1000):
        raw.unlink(key)


def restore(client: Any, page: dict[str, Any]) -> None:
    key = decoded(page["page"])
    for field, value, until in page["fields"]:
        client.hset(key, decoded(field), decoded(value))
        if until is not None:
            client.execute_command("HPEXPIREAT", key, until, "FIELDS", 1, decoded(field))
    if page["until"] is not None:
        client.pexpireat(key, page["until"])


def decoded(text: str) -> bytes:
    return base64.b64decode(text, validate=True)


@pytest.fixture
def held(form: str, namespace: str) -> dict[str, Any]:
    """Return what the earlier version read in the namespace."""
    read: dict[str, Any] = STORES[form]["namespaces"][namespace]
    return read


@pytest.fixture
def keys(form: str) -> dict[str, str]:
    return {"encryption_keys": STORES[form]["keys"]}


@pytest.fixture
def backend(make_backend: Callable[..., RedisStateBackend], keys: Any) -> RedisStateBackend:
    return make_backend(**keys)


@pytest.fixture
def worker(server: Any, namespace: str, keys: Any) -> Iterator[RedisWorkerBackend]:
    made = RedisWorkerBackend(url=server.url, namespace=namespace, **PATIENT, **keys)
    yield made
    made.close()


def by_scope(entries: list[dict[str, Any]]) -> list[tuple[StateScope, dict[str, Entry]]]:
    return [
        (
            scope_of(*each["scope"]),
            {
                key: Entry(value, moment(updated_at), expires_at and moment(expires_at))
                for key, (value, updated_at, expires_at) in each["entries"].items()
            },
        )
        for each in entries
    ]


def scope_of(kind: str, *parts: Any) -> StateScope:
    if kind == "task":
        dag_id, run_id, task_id, index, region = parts
        return TaskScope(dag_id, run_id, task_id, index, UUID(hex=region))
    asset_id, name, uri = parts
    return AssetScope(asset_id=asset_id, name=name, uri=uri)


moment = envelope.to_datetime


@pytest.mark.parametrize("mode", MODES)
async def test_every_value_is_read_with_its_times(
    backend: RedisStateBackend, held: dict[str, Any], mode: str
) -> None:
    methods = Methods(backend, mode)
    for scope, entries in by_scope(held["server"]):
        values = {key: entry.value for key, entry in entries.items()}
        assert await methods.entries(scope) == entries
        assert await methods.get_many(scope, [*values, "over", "deleted"]) == values
        for key, value in values.items():
            assert await methods.get(scope, key) == value
        assert await methods.get(scope, "over") is None


async def test_a_worker_reads_all_that_it_keeps(
    worker: RedisWorkerBackend, held: dict[str, Any]
) -> None:
    for scope, entries in by_scope(held["worker"]):
        assert worker.entries(scope) == entries
        assert {key: worker.get(scope, key) for key in entries} == {
            key: entry.value for key, entry in entries.items()
        }


async def test_every_reference_leads_to_its_value(
    backend: RedisStateBackend, worker: RedisWorkerBackend, held: dict[str, Any]
) -> None:
    documents = [
        json.loads(entry.value)["__airflow_state_ref__"]
        for _, entries in by_scope(held["server"])
        for entry in entries.values()
        if "__airflow_state_ref__" in entry.value
    ]
    assert sorted(documents) == sorted(reference for reference, _ in held["references"])
    for reference, value in held["references"]:
        if reference.startswith("redis-state:task"):
            assert worker.deserialize_task_state_store_from_ref(reference) == value
        else:
            assert worker.deserialize_asset_state_store_from_ref(reference) == value


async def test_every_deadline_holds_once_a_page_was_written_to(
    raw: Any,
    namespace: str,
    has_field_expiry: bool,
    backend: RedisStateBackend,
    worker: RedisWorkerBackend,
    held: dict[str, Any],
) -> None:
    # A page of the hash form gives its values their own deadlines then, where a server has such.
    for side, own in ((backend, held["server"]), (worker, held["worker"])):
        for scope, entries in by_scope(own):
            side.set(scope, "further", "1", expires_at=moment(4_102_444_800_000_000))
            found = side.entries(scope)
            assert found.pop("further").value == "1"
            assert found == entries
    check_leaks(raw, namespace, field_form=has_field_expiry)


async def test_what_was_kept_is_overwritten_and_removed(
    backend: RedisStateBackend, worker: RedisWorkerBackend, held: dict[str, Any]
) -> None:
    for scope, entries in by_scope(held["server"]):
        overwritten, *others = entries
        backend.set(scope, overwritten, '"new"')
        assert backend.get(scope, overwritten) == '"new"'
        for key in others:
            backend.delete(scope, key)
        assert backend.entries(scope).keys() == {overwritten}
        backend.clear(scope)
        assert backend.entries(scope) == {}
    for scope, _ in by_scope(held["worker"]):
        worker.clear(scope)
        assert worker.entries(scope) == {}


@pytest.mark.parametrize("namespace", ENCRYPTED, indirect=True)
async def test_what_was_encrypted_gets_a_new_key(
    make_backend: Callable[..., RedisStateBackend], keys: Any, held: dict[str, Any]
) -> None:
    both = {"encryption": "own", "encryption_keys": f"{NEW_KEY},{keys['encryption_keys']}"}
    report = make_backend(**both).rotate()
    assert report.is_complete, report
    assert report.reencrypted
    new = make_backend(encryption="own", encryption_keys=NEW_KEY)
    for scope, entries in by_scope(held["server"]):
        assert new.entries(scope) == entries
