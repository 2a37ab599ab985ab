"""Operations that share a round trip give what each of them gives alone."""

from __future__ import annotations

from typing import Any

import pytest
import redis

from redis_state import RedisStateBackend, StateStoreError, TaskScope
from redis_state.admin.together import run_each
from redis_state.client._async.client import AsyncClient
from redis_state.format import envelope
from redis_state.format.layout import Place, place
from redis_state.operations.copying import ReadFields
from redis_state.operations.operation import Capabilities, InTurn, Operation, Together
from redis_state.operations.writes import Delete

SCOPES = [TaskScope("dag", f"run {number}", "task") for number in range(200)]


@pytest.fixture
def reads(backend: RedisStateBackend) -> list[ReadFields]:
    for number, scope in enumerate(SCOPES):
        backend.set(scope, "key", f"{number}")
    return [ReadFields(at.page, [b"key", b"none"]) for at in places(backend)]


def places(backend: RedisStateBackend) -> list[Place]:
    return [place(backend.settings.namespace, scope) for scope in SCOPES]


async def test_results_come_in_order_from_all_servers(
    client: AsyncClient, reads: list[ReadFields], monkeypatch: pytest.MonkeyPatch
) -> None:
    trips = count_trips(monkeypatch)
    # As it happens where nobody knows yet who serves what.
    for _ in range(2):
        trips.clear()
        found = await run_each(client, reads, client.run)
        texts = [(there or b"")[envelope.SIZE :] for there, _ in found]
        assert texts == [str(number).encode() for number in range(len(SCOPES))]
        assert {nothing for _, nothing in found} == {None}
    assert len(trips) <= len(SCOPES) / 10
    assert all(isinstance(trip, Together) for trip in trips)


async def test_one_that_fails_does_not_take_others_along(
    client: AsyncClient, backend: RedisStateBackend, reads: list[ReadFields], raw: redis.Redis
) -> None:
    page = places(backend)[7].page
    raw.delete(page)
    raw.set(page, "of others")
    alone: list[Operation[Any]] = []

    async def run_alone(operation: Operation[Any]) -> Any:
        alone.append(operation)
        try:
            return await client.run(operation)
        except StateStoreError as error:
            return str(error)

    found: list[Any] = await run_each(client, reads, run_alone)
    assert [number for number, each in enumerate(found) if isinstance(each, str)] == [7]
    assert repr(page) in str(found[7])
    assert len(alone) <= 50
    raw.delete(page)


def test_what_takes_more_than_one_step_is_refused() -> None:
    step = Delete([Place("page")], "key")
    several = Together([InTurn(step, step)])
    batch = several.begin(Capabilities(field_expiry=True, hsetex=True))
    with pytest.raises(TypeError, match="more than one step"):
        several.end([0] * len(batch))


def count_trips(monkeypatch: pytest.MonkeyPatch) -> list[Operation[Any]]:
    run, trips = AsyncClient.run, []

    async def counted(client: AsyncClient, operation: Operation[Any]) -> Any:
        trips.append(operation)
        return await run(client, operation)

    monkeypatch.setattr(AsyncClient, "run", counted)
    return trips
