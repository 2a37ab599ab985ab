"""What lies in Redis when values are encrypted, and what a copy of it is worth."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import redis

from redis_state import (
    AssetScope,
    CorruptValueError,
    MisconfiguredError,
    RedisStateBackend,
    RedisWorkerBackend,
    TaskScope,
)
from redis_state.format.references import refer
from tests.encryption.conftest import FIRST, SECOND
from tests.support.methods import MODES, Methods

TASK, MAPPED = TaskScope("dag", "run", "task"), TaskScope("dag", "run", "task", 3)
ASSET = AssetScope(asset_id=7)
SECRET = json.dumps("a secret " * 50)
Make = Callable[..., RedisStateBackend]
MakeWorker = Callable[..., RedisWorkerBackend]
Stored = Callable[[], dict[tuple[bytes, bytes], bytes]]


@pytest.fixture(params=MODES)
def mode(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.mark.parametrize("options", [{}, {"compression_threshold": 1}])
async def test_nothing_that_is_written_can_be_read_in_redis(
    with_keys: Make, stored: Stored, mode: str, options: dict[str, Any]
) -> None:
    methods = Methods(with_keys(FIRST, **options), mode)
    deadline = datetime.now(UTC) + timedelta(hours=1)
    for scope in (TASK, MAPPED, ASSET):
        await methods.set(scope, "one", SECRET)
        await methods.set_many(scope, {"two": SECRET, "three": SECRET}, expires_at=deadline)
        assert await methods.get_many(scope, ["one", "two"]) == {"one": SECRET, "two": SECRET}
        entries = await methods.entries(scope)
        assert [entry.value for entry in entries.values()] == [SECRET] * 3
    assert {value[0] for value in stored().values()} == {0xB2 | bool(options)}
    assert not [value for value in stored().values() if b"secret" in value]


async def test_a_value_copied_elsewhere_in_redis_does_not_open(
    with_keys: Make, raw: redis.Redis, stored: Stored, mode: str
) -> None:
    methods = Methods(with_keys(FIRST), mode)
    await methods.set(TASK, "key", SECRET)
    for scope, key in ((TASK, "other"), (MAPPED, "key"), (ASSET, "key")):
        await methods.set(scope, key, "1")
    copied = next(value for (page, field), value in stored().items() if len(value) > 400)
    for page, field in stored():
        raw.hset(page, field, copied)
    assert await methods.get(TASK, "key") == SECRET
    for scope, key in ((TASK, "other"), (MAPPED, "key"), (ASSET, "key")):
        with pytest.raises(CorruptValueError, match=f"{key!r}.*copied here"):
            await methods.get(scope, key)
        with pytest.raises(CorruptValueError, match="copied here"):
            await methods.get_many(scope, [key])
        with pytest.raises(CorruptValueError, match="copied here"):
            await methods.entries(scope)


async def test_a_value_of_another_namespace_does_not_open(
    with_keys: Make, raw: redis.Redis, namespace: str, stored: Stored
) -> None:
    other = with_keys(FIRST, namespace=f"{namespace}:b")
    other.set(TASK, "key", SECRET)
    ((page, field), value), *_ = stored().items()
    raw.hset(page.replace(b":b:", b":"), field, value)
    with pytest.raises(CorruptValueError, match="copied here"):
        with_keys(FIRST).get(TASK, "key")
    raw.unlink(page)


async def test_encryption_may_begin_over_plain_values(with_keys: Make, mode: str) -> None:
    plain, methods = Methods(with_keys(), mode), Methods(with_keys(FIRST), mode)
    await plain.set_many(TASK, {"old": "1", "older": "2"})
    await methods.set(TASK, "new", "3")
    assert await methods.get_many(TASK, ["old", "older", "new"]) == {
        "old": "1",
        "older": "2",
        "new": "3",
    }
    with pytest.raises(MisconfiguredError, match="no key is configured here"):
        await plain.get(TASK, "new")
    assert await plain.get(TASK, "old") == "1"


async def test_a_stranger_s_key_opens_nothing_and_writes_over_it(
    with_keys: Make, mode: str
) -> None:
    methods, stranger = Methods(with_keys(FIRST), mode), Methods(with_keys(SECOND), mode)
    await methods.set(TASK, "key", SECRET)
    with pytest.raises(MisconfiguredError, match="key that is not configured"):
        await stranger.get(TASK, "key")
    await stranger.set(TASK, "key", "1")
    assert await stranger.get(TASK, "key") == "1"
    await methods.delete(TASK, "key")
    assert await methods.get(TASK, "key") is None


async def test_what_expires_takes_no_key(with_keys: Make, mode: str) -> None:
    past = datetime.now(UTC) - timedelta(seconds=1)
    methods = Methods(with_keys(FIRST), mode)
    await methods.set(TASK, "stays", "1")
    await methods.set(TASK, "gone", SECRET, expires_at=past)
    assert await Methods(with_keys(SECOND), mode).get(TASK, "gone") is None
    assert list(await methods.entries(TASK)) == ["stays"]


async def test_a_worker_value_is_encrypted_and_its_reference_is_not(
    with_keys: Make, make_worker: MakeWorker, stored: Stored, mode: str
) -> None:
    worker, methods = make_worker(FIRST), Methods(with_keys(FIRST), mode)
    deadline = datetime.now(UTC) + timedelta(hours=1)
    reference = worker.serialize_task_state_store_to_ref(value=SECRET, key="key", scope=TASK)
    assert reference == refer(TASK, "key")
    document = json.dumps({"__airflow_state_ref__": reference})
    await methods.set(TASK, "key", document, expires_at=deadline)
    assert sorted(value[0] for value in stored().values()) == [0xB0, 0xB2]
    assert worker.deserialize_task_state_store_from_ref(reference) == SECRET
    (entry,) = worker.entries(TASK).values()
    assert entry.expires_at == deadline
    await methods.delete(TASK, "key")
    assert stored() == {}


async def test_an_asset_s_worker_value_goes_with_its_reference(
    with_keys: Make, make_worker: MakeWorker, stored: Stored, mode: str
) -> None:
    worker, methods = make_worker(FIRST), Methods(with_keys(FIRST), mode)
    for name in ("one", "two"):
        reference = worker.serialize_asset_state_store_to_ref(
            value=SECRET, key="key", scope=AssetScope(name=name)
        )
        await methods.set(ASSET, "key", json.dumps({"__airflow_state_ref__": reference}))
    assert sorted(value[0] for value in stored().values()) == [0xB0, 0xB2]
    await methods.clear(ASSET)
    assert stored() == {}


async def test_a_value_kept_inline_is_encrypted_like_any_other(
    with_keys: Make, stored: Stored, mode: str
) -> None:
    methods = Methods(with_keys(FIRST), mode)
    document = json.dumps({"__airflow_state_ref__": json.dumps("kept inline")})
    for scope in (TASK, ASSET):
        await methods.set(scope, "key", document)
        assert await methods.get(scope, "key") == document
    assert {value[0] for value in stored().values()} == {0xB2}


async def test_compressed_values_lie_smaller_and_are_read_by_all(
    make_backend: Make, stored: Stored, mode: str
) -> None:
    methods = Methods(make_backend(compression_threshold=1024), mode)
    large, small = json.dumps("x" * 10_000), json.dumps("x" * 1000)
    await methods.set_many(TASK, {"large": large, "small": small})
    assert sorted((value[0], len(value) > 1000) for value in stored().values()) == [
        (0xB0, True),
        (0xB1, False),
    ]
    off = Methods(make_backend(), mode)
    assert await off.get_many(TASK, ["large", "small"]) == {"large": large, "small": small}


async def test_the_limit_is_of_the_text_and_not_of_what_it_becomes(
    make_backend: Make, mode: str
) -> None:
    writer = Methods(make_backend(compression_threshold=1), mode)
    reader = Methods(make_backend(max_value_bytes=1000), mode)
    await writer.set(TASK, "key", "x" * 1000)
    assert await reader.get(TASK, "key") == "x" * 1000
    await writer.set(TASK, "key", "x" * 1001)
    with pytest.raises(CorruptValueError, match="1001 bytes, more than the limit of 1000"):
        await reader.get(TASK, "key")
