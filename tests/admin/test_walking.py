"""A walk meets each value of a namespace, on all masters, and can be taken up where it ended."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncGenerator, Callable
from typing import Any

import pytest
import redis
from anyio.streams.memory import MemoryObjectReceiveStream

from redis_state import AssetScope, InvalidInputError, RedisStateBackend, TaskScope
from redis_state.admin import walking
from redis_state.admin.walking import Batch, Cursor, Found, Walk, cursor_text, read_cursor
from redis_state.client._async.client import AsyncClient
from redis_state.format import envelope
from redis_state.operations.reencrypt import ScanPages
from redis_state.scopes import StateScope

SCOPES: list[StateScope] = [
    *(TaskScope("dag", f"run {number}", "task") for number in range(40)),
    *(TaskScope("dag", "run", "mapped", number) for number in range(300)),
    TaskScope("other * dag", "run", "task"),
    AssetScope(asset_id=7),
]
KEYS = ("first", "second")


@pytest.fixture
def filled(backend: RedisStateBackend) -> RedisStateBackend:
    for scope in SCOPES:
        backend.set_many(scope, dict.fromkeys(KEYS, '"value"'))
    return backend


async def met(walk: Walk) -> list[Found]:
    found: list[Found] = []
    async with walk.batches() as batches:
        async for batch in batches:
            assert not batch.unreadable
            found += batch.values
    return found


async def test_each_value_is_met_once(client: AsyncClient, filled: RedisStateBackend) -> None:
    walk = Walk(client, filled.settings.namespace)
    found = Counter((each.scope, each.key) for each in await met(walk))
    assert found == Counter((scope, key) for scope in SCOPES for key in KEYS)
    assert walk.is_complete
    assert walk.done == walk.total > 0


async def test_a_value_is_told_with_its_size_and_times(
    client: AsyncClient, backend: RedisStateBackend
) -> None:
    backend.set(AssetScope(asset_id=1), "key", '"twelve characters"')
    (found,) = await met(Walk(client, backend.settings.namespace))
    assert found.size == len('"twelve characters"')
    assert found.header.expires_at == envelope.NEVER
    assert envelope.now() - found.header.updated_at < 60_000_000
    assert not found.of_worker


async def test_other_namespaces_are_not_met_though_they_begin_alike(
    client: AsyncClient, filled: RedisStateBackend, make_backend: Callable[..., Any]
) -> None:
    namespace = filled.settings.namespace
    longer = make_backend(namespace=f"{namespace}:t")
    longer.set(SCOPES[0], "of another", "1")
    found = await met(Walk(client, namespace))
    assert {each.key for each in found} == set(KEYS)
    assert [each.key for each in await met(Walk(client, f"{namespace}:t"))] == ["of another"]
    longer.clear(SCOPES[0])


async def test_a_prefix_is_taken_as_it_is(client: AsyncClient, filled: RedisStateBackend) -> None:
    walk = Walk(client, filled.settings.namespace, prefix="t:{other * dag/")
    assert [each.scope for each in await met(walk)] == [SCOPES[-2]] * len(KEYS)


async def test_a_walk_is_taken_up_where_it_ended(
    client: AsyncClient,
    filled: RedisStateBackend,
    monkeypatch: pytest.MonkeyPatch,
    raw: redis.Redis,
) -> None:
    monkeypatch.setattr(ScanPages, "COUNT", 10)
    walk = Walk(client, filled.settings.namespace)
    first: list[Found] = []
    async with walk.batches() as batches:
        async for batch in batches:
            first += batch.values
            if any(cursor not in {"0", "end"} for cursor in walk.cursor.values()):
                break
    assert not walk.is_complete
    going_on: Cursor = read_cursor(cursor_text(walk.cursor))
    rest = await met(Walk(client, filled.settings.namespace, start=going_on))
    assert {(each.scope, each.key) for each in first + rest} == {
        (scope, key) for scope in SCOPES for key in KEYS
    }
    assert len(rest) < len(SCOPES) * len(KEYS)


async def test_ctrl_c_in_a_walk_is_nothing_but_that(
    client: AsyncClient, filled: RedisStateBackend, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It cancels the task that walks, and not those that it has begun."""
    monkeypatch.setattr(ScanPages, "COUNT", 1)
    monkeypatch.setattr(walking, "_AT_A_TIME", 1)
    is_met, each, streams = asyncio.Event(), Walk._each, []

    def keep(walk: Walk, receiving: MemoryObjectReceiveStream[Batch]) -> AsyncGenerator[Batch]:
        streams.append(receiving)
        return each(walk, receiving)

    monkeypatch.setattr(Walk, "_each", keep)

    async def walk() -> None:
        async with Walk(client, filled.settings.namespace).batches() as batches:
            async for _ in batches:
                while not streams[0].statistics().tasks_waiting_send:  # noqa: ASYNC110 - no event tells
                    await asyncio.sleep(0)
                is_met.set()
                await asyncio.Event().wait()

    walking_ = asyncio.create_task(walk())
    await is_met.wait()
    walking_.cancel()
    with pytest.raises(asyncio.CancelledError):
        await walking_


async def test_bytes_that_are_not_ours_are_told(
    client: AsyncClient, filled: RedisStateBackend, raw: redis.Redis
) -> None:
    page = f"{filled.settings.namespace}:a:{{id:7}}"
    raw.hset(page, "foreign", "bytes")
    unreadable = []
    async with Walk(client, filled.settings.namespace).batches() as batches:
        async for batch in batches:
            unreadable += batch.unreadable
    assert unreadable == [(page, b"foreign")]
    raw.hdel(page, "foreign")


async def test_what_was_written_since_then_is_met_and_what_is_not_ours(
    client: AsyncClient, filled: RedisStateBackend, raw: redis.Redis
) -> None:
    namespace, scope = filled.settings.namespace, SCOPES[-1]
    page = f"{namespace}:a:{{id:7}}"
    seen: set[tuple[Any, Any]] = set()
    last = envelope.now() // 1000 + 5
    for number, moment in enumerate((last - 1, last, last + 1)):
        value = envelope.encode(b"1", moment * 1000, envelope.NEVER)
        raw.hset(page, f"late {number}", value)
    raw.hset(page, "foreign", "bytes")
    async with Walk(client, namespace, since=last).batches() as batches:
        async for batch in batches:
            seen |= {(each.scope, each.key) for each in batch.values}
            seen |= set(batch.unreadable)
    assert seen == {(scope, "late 1"), (scope, "late 2"), (page, b"foreign")}
    raw.hdel(page, "foreign")


@pytest.mark.parametrize("text", ["", "nonsense", "bnVsbA", "eyJhIjogMX0"])
def test_what_is_no_cursor_is_refused(text: str) -> None:
    with pytest.raises(InvalidInputError, match="no cursor"):
        read_cursor(text)
