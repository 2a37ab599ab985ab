"""Names of state keys that are encrypted, and found again by all that know the keys."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import redis
from hypothesis import given
from hypothesis import strategies as st

from redis_state import (
    AssetScope,
    CorruptValueError,
    MisconfiguredError,
    RedisStateBackend,
    RedisWorkerBackend,
    TaskScope,
)
from redis_state.admin.rotation import RotationReport
from redis_state.format.keyring import Keyring
from redis_state.format.layout import Place
from redis_state.format.names import Names
from tests.sealing.conftest import FIRST, SECOND
from tests.support.verbs import COLOURS, Verbs

TASK, MAPPED, OTHER = (TaskScope("dag", "run", "task", index) for index in (-1, 3, 131))
ASSET = AssetScope(asset_id=7)
SCOPES = (TASK, MAPPED, OTHER, ASSET)
Make = Callable[..., RedisStateBackend]
MakeWorker = Callable[..., RedisWorkerBackend]
Stored = Callable[[], dict[tuple[bytes, bytes], bytes]]
ON, READ = {"encrypt_key_names": "on"}, {"encrypt_key_names": "read"}


@pytest.fixture(params=COLOURS)
def colour(request: pytest.FixtureRequest) -> str:
    return str(request.param)


async def test_no_name_can_be_read_in_redis(with_keys: Make, stored: Stored, colour: str) -> None:
    verbs = Verbs(with_keys(FIRST, **ON), colour)
    soon = datetime.now(UTC) + timedelta(hours=1)
    for scope in SCOPES:
        await verbs.set(scope, "secret one", '"1"')
        await verbs.set_many(scope, {"secret two": '"2"', "\0secret": '"3"'}, expires_at=soon)
        assert await verbs.get(scope, "secret one") == '"1"'
        found = await verbs.get_many(scope, ["secret two", "\0secret", "absent"])
        assert found == {"secret two": '"2"', "\0secret": '"3"'}
        assert list(await verbs.entries(scope)) == ["\0secret", "secret one", "secret two"]
    assert len(stored()) == 12
    assert not [field for _, field in stored() if b"secret" in field]
    await verbs.delete(MAPPED, "secret one")
    await verbs.clear(OTHER)
    assert list(await verbs.entries(MAPPED)) == ["\0secret", "secret two"]
    assert await verbs.entries(OTHER) == {}


@pytest.mark.parametrize("before", [(), ((FIRST,), {}), ((FIRST,), ON), ((FIRST,), READ)])
async def test_a_value_under_an_older_name_is_found_and_written_once(
    with_keys: Make, stored: Stored, colour: str, before: Any
) -> None:
    keys, options = before or ((), {})
    old = with_keys(*keys, **options)
    for scope in SCOPES:
        old.set_many(scope, {"a": "1", "b": "2", "c": "3"})
    verbs = Verbs(with_keys(SECOND, FIRST, **ON), colour)
    soon = datetime.now(UTC) + timedelta(hours=1)
    for scope in SCOPES:
        assert await verbs.get_many(scope, ["a", "b"]) == {"a": "1", "b": "2"}
        await verbs.set(scope, "a", "4", expires_at=soon)
        await verbs.delete(scope, "b")
        entries = await verbs.entries(scope)
        assert {key: entry.value for key, entry in entries.items()} == {"a": "4", "c": "3"}
        assert await verbs.get(scope, "b") is None
    assert len(stored()) == 2 * len(SCOPES)


async def test_a_write_that_ends_leaves_no_older_value_behind(
    with_keys: Make, stored: Stored, colour: str
) -> None:
    with_keys().set(TASK, "a", "1")
    verbs = Verbs(with_keys(FIRST, **ON), colour)
    await verbs.set(TASK, "a", "2", expires_at=datetime.now(UTC) - timedelta(seconds=1))
    assert await verbs.get(TASK, "a") is None
    assert stored() == {}


async def test_a_process_that_only_reads_them_writes_plain_names(
    with_keys: Make, stored: Stored, colour: str
) -> None:
    with_keys(FIRST, **ON).set_many(TASK, {"a": "1", "b": "2"})
    verbs = Verbs(with_keys(FIRST, **READ), colour)
    assert await verbs.get(TASK, "a") == "1"
    await verbs.set_many(TASK, {"a": "3"})
    assert [field for _, field in stored() if field == b"a"] == [b"a"]
    assert len(stored()) == 2
    assert await Verbs(with_keys(FIRST, **ON), colour).get(TASK, "a") == "3"


async def test_what_a_process_without_them_wrote_later_counts(with_keys: Make, colour: str) -> None:
    verbs = Verbs(with_keys(FIRST, **ON), colour)
    await verbs.set(TASK, "a", "1")
    off = with_keys(FIRST)
    while await verbs.get(TASK, "a") == "1":
        off.set(TASK, "a", "2")
    assert (await verbs.entries(TASK))["a"].value == "2"
    with pytest.raises(CorruptValueError, match="encrypt_key_names is off here"):
        off.entries(TASK)


async def test_a_reference_and_its_payload_are_found_under_any_name(
    with_keys: Make, make_backend: Make, make_worker: MakeWorker, stored: Stored, colour: str
) -> None:
    soon = datetime.now(UTC) + timedelta(hours=1)
    off, verbs = make_worker(FIRST), Verbs(with_keys(FIRST, **ON), colour)
    on = make_worker(FIRST, **ON)
    for worker in (off, on):
        for key in ("kept", "deleted", "replaced"):
            reference = worker.serialize_task_state_store_to_ref(value=1, key=key, scope=MAPPED)
            document = json.dumps({"__airflow_state_ref__": reference})
            await verbs.set(MAPPED, key, document, expires_at=soon)
        await verbs.delete(MAPPED, "deleted")
        await verbs.set(MAPPED, "replaced", json.dumps({"__airflow_state_ref__": "2"}))
        (entry,) = on.entries(MAPPED).values()
        assert entry.expires_at == soon
        await verbs.clear(MAPPED)
        assert stored() == {}


async def test_an_asset_s_payload_is_found_under_any_name(
    with_keys: Make, make_worker: MakeWorker, stored: Stored, colour: str
) -> None:
    off, on = make_worker(FIRST), make_worker(FIRST, **ON)
    verbs = Verbs(with_keys(FIRST, **ON), colour)

    async def write(worker: RedisWorkerBackend, name: str) -> None:
        scope = AssetScope(name=name)
        reference = worker.serialize_asset_state_store_to_ref(value=1, key="key", scope=scope)
        await verbs.set(ASSET, "key", json.dumps({"__airflow_state_ref__": reference}))

    for worker in (off, on):
        await write(worker, "one")
        await write(worker, "two")
        assert len(stored()) == 2
        await verbs.delete(ASSET, "key")
        assert stored() == {}
        await write(worker, "one")
        await verbs.clear(ASSET)
        assert stored() == {}


async def test_a_rotation_renames_what_it_seals(
    with_keys: Make, make_worker: MakeWorker, stored: Stored, raw: redis.Redis
) -> None:
    soon = datetime.now(UTC) + timedelta(hours=1)
    for backend, mark in ((with_keys(), "plain"), (with_keys(FIRST, **ON), "first")):
        for scope in SCOPES:
            backend.set(scope, f"a {mark}", "1")
            backend.set(scope, f"b {mark}", "2", expires_at=soon)
    reference = make_worker().serialize_task_state_store_to_ref(value=1, key="ref", scope=TASK)
    with_keys().set(TASK, "ref", json.dumps({"__airflow_state_ref__": reference}))
    renewed = with_keys(SECOND, FIRST, **ON)
    before = [renewed.entries(scope) for scope in SCOPES]
    report = renewed.rotate()
    assert (report.seen, report.resealed, report.is_complete) == (18, 18, True)
    newest = with_keys(SECOND, **ON)
    assert [newest.entries(scope) for scope in SCOPES] == before
    assert make_worker(SECOND, **ON).deserialize_task_state_store_from_ref(reference) == 1
    assert not [field for _, field in stored() if b"plain" in field or field == b"ref"]
    assert newest.rotate() == RotationReport(seen=18, already_sealed=17, references=1)
    back = with_keys(SECOND, **READ)
    assert back.rotate().resealed == 18
    assert [with_keys(SECOND).entries(scope) for scope in SCOPES] == before
    assert back.rotate() == RotationReport(seen=18, already_sealed=17, references=1)


async def test_of_two_values_under_one_name_a_rotation_keeps_the_later(
    with_keys: Make, stored: Stored
) -> None:
    on, off = with_keys(FIRST, **ON), with_keys(FIRST)
    on.set(TASK, "a", "1")
    off.set(TASK, "b", "1")
    while on.get(TASK, "a") == "1":
        off.set(TASK, "a", "2")
    sealed = {place: raw for place, raw in stored().items() if place[1] != b"b"}
    assert len(sealed) == 2
    on.rotate()
    assert (on.get(TASK, "a"), on.get(TASK, "b"), len(stored())) == ("2", "1", 2)


async def test_a_name_that_no_key_opens_is_reported_and_left_alone(
    with_keys: Make, stored: Stored
) -> None:
    with_keys(FIRST, **ON).set(TASK, "a", "1")
    before = stored()
    for options in (ON, READ, {}):
        stranger = with_keys(SECOND, **options)
        report = stranger.rotate()
        assert (report.unreadable, report.is_complete) == (1, False)
        with pytest.raises((CorruptValueError, MisconfiguredError)):
            stranger.entries(TASK)
    assert stored() == before


def test_a_name_copied_to_another_place_is_refused(
    with_keys: Make, raw: redis.Redis, stored: Stored
) -> None:
    backend = with_keys(FIRST, **ON)
    backend.set(TASK, "a", "1")
    backend.set(ASSET, "b", "1")
    (_, field), *_ = (place for place in stored() if b"}:-1" in place[0])
    page = next(page for page, _ in stored() if b"id:7" in page)
    raw.hset(page, field, backend.get(TASK, "a") and next(iter(stored().values())))
    with pytest.raises(CorruptValueError, match="damaged or copied here"):
        backend.entries(ASSET)


@pytest.mark.parametrize("mode", ["read", "on"])
def test_names_need_a_key(mode: str) -> None:
    with pytest.raises(MisconfiguredError, match=f"encrypt_key_names = {mode} needs keys"):
        RedisStateBackend(encrypt_key_names=mode)


def test_names_are_not_written_where_values_are_plain() -> None:
    with pytest.raises(MisconfiguredError, match="needs keys"):
        RedisStateBackend(encrypt_key_names="on", encryption_keys=FIRST)


@given(st.text(st.characters(), max_size=30), st.sampled_from(["", "3:", "131:"]), st.booleans())
def test_any_name_is_read_back_and_found_again(key: str, prefix: str, writes: bool) -> None:
    keyring = Keyring([bytes([1] * 32), bytes([2] * 32)])
    names, place = Names(keyring, "option", writes=writes), Place("ns:tw:{d/r/t}:3", prefix)
    fields = names.fields(place, key)
    assert [names.key(place, field) for field in fields] == [key] * 3
    assert fields == names.fields(Place("ns:t:{d/r/t}:3", prefix), key)
    assert not set(fields[: 2 if writes else 0]) & set(
        names.fields(Place("ns:t:{d/r/t}:3", "259:"), key)
    )
