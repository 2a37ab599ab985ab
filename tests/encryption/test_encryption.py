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
from tests.support.verbs import COLOURS, Verbs

TASK, MAPPED = TaskScope("dag", "run", "task"), TaskScope("dag", "run", "task", 3)
ASSET = AssetScope(asset_id=7)
SECRET = json.dumps("a secret " * 50)
Make = Callable[..., RedisStateBackend]
MakeWorker = Callable[..., RedisWorkerBackend]
Stored = Callable[[], dict[tuple[bytes, bytes], bytes]]


@pytest.fixture(params=COLOURS)
def colour(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.mark.parametrize("options", [{}, {"compression_threshold": 1}])
async def test_nothing_that_is_written_can_be_read_in_redis(
    with_keys: Make, stored: Stored, colour: str, options: dict[str, Any]
) -> None:
    verbs = Verbs(with_keys(FIRST, **options), colour)
    deadline = datetime.now(UTC) + timedelta(hours=1)
    for scope in (TASK, MAPPED, ASSET):
        await verbs.set(scope, "one", SECRET)
        await verbs.set_many(scope, {"two": SECRET, "three": SECRET}, expires_at=deadline)
        assert await verbs.get_many(scope, ["one", "two"]) == {"one": SECRET, "two": SECRET}
        entries = await verbs.entries(scope)
        assert [entry.value for entry in entries.values()] == [SECRET] * 3
    assert {value[0] for value in stored().values()} == {0xB2 | bool(options)}
    assert not [value for value in stored().values() if b"secret" in value]


async def test_a_value_copied_elsewhere_in_redis_does_not_open(
    with_keys: Make, raw: redis.Redis, stored: Stored, colour: str
) -> None:
    verbs = Verbs(with_keys(FIRST), colour)
    await verbs.set(TASK, "key", SECRET)
    for scope, key in ((TASK, "other"), (MAPPED, "key"), (ASSET, "key")):
        await verbs.set(scope, key, "1")
    copied = next(value for (page, field), value in stored().items() if len(value) > 400)
    for page, field in stored():
        raw.hset(page, field, copied)
    assert await verbs.get(TASK, "key") == SECRET
    for scope, key in ((TASK, "other"), (MAPPED, "key"), (ASSET, "key")):
        with pytest.raises(CorruptValueError, match=f"{key!r}.*copied here"):
            await verbs.get(scope, key)
        with pytest.raises(CorruptValueError, match="copied here"):
            await verbs.get_many(scope, [key])
        with pytest.raises(CorruptValueError, match="copied here"):
            await verbs.entries(scope)


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


async def test_encryption_may_begin_over_plain_values(with_keys: Make, colour: str) -> None:
    plain, verbs = Verbs(with_keys(), colour), Verbs(with_keys(FIRST), colour)
    await plain.set_many(TASK, {"old": "1", "older": "2"})
    await verbs.set(TASK, "new", "3")
    assert await verbs.get_many(TASK, ["old", "older", "new"]) == {
        "old": "1",
        "older": "2",
        "new": "3",
    }
    with pytest.raises(MisconfiguredError, match="no key is configured here"):
        await plain.get(TASK, "new")
    assert await plain.get(TASK, "old") == "1"


async def test_a_stranger_s_key_opens_nothing_and_writes_over_it(
    with_keys: Make, colour: str
) -> None:
    verbs, stranger = Verbs(with_keys(FIRST), colour), Verbs(with_keys(SECOND), colour)
    await verbs.set(TASK, "key", SECRET)
    with pytest.raises(MisconfiguredError, match="key that is not configured"):
        await stranger.get(TASK, "key")
    await stranger.set(TASK, "key", "1")
    assert await stranger.get(TASK, "key") == "1"
    await verbs.delete(TASK, "key")
    assert await verbs.get(TASK, "key") is None


async def test_what_expires_takes_no_key(with_keys: Make, colour: str) -> None:
    past = datetime.now(UTC) - timedelta(seconds=1)
    verbs = Verbs(with_keys(FIRST), colour)
    await verbs.set(TASK, "stays", "1")
    await verbs.set(TASK, "gone", SECRET, expires_at=past)
    assert await Verbs(with_keys(SECOND), colour).get(TASK, "gone") is None
    assert list(await verbs.entries(TASK)) == ["stays"]


async def test_a_worker_value_is_encrypted_and_its_reference_is_not(
    with_keys: Make, make_worker: MakeWorker, stored: Stored, colour: str
) -> None:
    worker, verbs = make_worker(FIRST), Verbs(with_keys(FIRST), colour)
    deadline = datetime.now(UTC) + timedelta(hours=1)
    reference = worker.serialize_task_state_store_to_ref(value=SECRET, key="key", scope=TASK)
    assert reference == refer(TASK, "key")
    document = json.dumps({"__airflow_state_ref__": reference})
    await verbs.set(TASK, "key", document, expires_at=deadline)
    assert sorted(value[0] for value in stored().values()) == [0xB0, 0xB2]
    assert worker.deserialize_task_state_store_from_ref(reference) == SECRET
    (entry,) = worker.entries(TASK).values()
    assert entry.expires_at == deadline
    await verbs.delete(TASK, "key")
    assert stored() == {}


async def test_an_asset_s_worker_value_goes_with_its_reference(
    with_keys: Make, make_worker: MakeWorker, stored: Stored, colour: str
) -> None:
    worker, verbs = make_worker(FIRST), Verbs(with_keys(FIRST), colour)
    for name in ("one", "two"):
        reference = worker.serialize_asset_state_store_to_ref(
            value=SECRET, key="key", scope=AssetScope(name=name)
        )
        await verbs.set(ASSET, "key", json.dumps({"__airflow_state_ref__": reference}))
    assert sorted(value[0] for value in stored().values()) == [0xB0, 0xB2]
    await verbs.clear(ASSET)
    assert stored() == {}


async def test_a_value_kept_inline_is_encrypted_like_any_other(
    with_keys: Make, stored: Stored, colour: str
) -> None:
    verbs = Verbs(with_keys(FIRST), colour)
    document = json.dumps({"__airflow_state_ref__": json.dumps("kept inline")})
    for scope in (TASK, ASSET):
        await verbs.set(scope, "key", document)
        assert await verbs.get(scope, "key") == document
    assert {value[0] for value in stored().values()} == {0xB2}


async def test_compressed_values_lie_smaller_and_are_read_by_all(
    make_backend: Make, stored: Stored, colour: str
) -> None:
    verbs = Verbs(make_backend(compression_threshold=1024), colour)
    large, small = json.dumps("x" * 10_000), json.dumps("x" * 1000)
    await verbs.set_many(TASK, {"large": large, "small": small})
    assert sorted((value[0], len(value) > 1000) for value in stored().values()) == [
        (0xB0, True),
        (0xB1, False),
    ]
    off = Verbs(make_backend(), colour)
    assert await off.get_many(TASK, ["large", "small"]) == {"large": large, "small": small}


async def test_the_limit_is_of_the_text_and_not_of_what_it_becomes(
    make_backend: Make, colour: str
) -> None:
    writer = Verbs(make_backend(compression_threshold=1), colour)
    reader = Verbs(make_backend(max_value_bytes=1000), colour)
    await writer.set(TASK, "key", "x" * 1000)
    assert await reader.get(TASK, "key") == "x" * 1000
    await writer.set(TASK, "key", "x" * 1001)
    with pytest.raises(CorruptValueError, match="1001 bytes, more than the limit of 1000"):
        await reader.get(TASK, "key")
