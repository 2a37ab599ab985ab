"""What each method does while the slot of its task moves, with half of the pages on either side."""

from __future__ import annotations

import threading
from collections.abc import Awaitable, Callable, Iterator
from typing import TypeAlias

import pytest

from redis_state import RedisStateBackend, TaskScope, UnavailableError
from redis_state.format.layout import place
from tests.matrix import ONE_OF_EACH_FORM
from tests.support.budgets import few_attempts
from tests.support.clusters import Cluster, Migration, slot_of
from tests.support.methods import Methods
from tests.support.waiting import PATIENT

MAPPED = [TaskScope("faults", "run", "mapped", index) for index in range(12)]
Call: TypeAlias = Callable[[Methods, TaskScope], Awaitable[None]]


@pytest.fixture(params=ONE_OF_EACH_FORM, scope="module")
def cluster(request: pytest.FixtureRequest) -> Iterator[Cluster]:
    with Cluster(request.param) as cluster:
        yield cluster


@pytest.fixture
def half_moved(cluster: Cluster) -> Iterator[Migration]:
    """Write a mapped task, and move half of its pages to another master."""
    backend = RedisStateBackend(url=cluster.url, **PATIENT)
    for scope in MAPPED:
        backend.set_many(scope, {"a": str(scope.map_index), "b": "b"})
    backend.close()
    slot = slot_of(place("airflow", MAPPED[0]).page)
    migration = Migration(cluster, slot, cluster.another(cluster.owner(slot)))
    migration.begin()
    assert migration.move(len(MAPPED) // 2) == len(MAPPED) // 2
    yield migration
    migration.finish()
    cluster.wait_until_ok()
    # For whoever comes next.
    backend.clear(MAPPED[0], all_map_indices=True)
    backend.close()


async def test_every_method_works_amid_the_move_of_a_slot(half_moved: Migration, mode: str) -> None:
    methods = Methods(RedisStateBackend(url=half_moved.cluster.url, **PATIENT), mode)
    for scope in MAPPED:
        index = str(scope.map_index)
        assert await methods.get(scope, "a") == index
        assert await methods.get_many(scope, ["a", "b"]) == {"a": index, "b": "b"}
        assert set(await methods.entries(scope)) == {"a", "b"}
        await methods.set(scope, "a", f"{index}, again")
        await methods.set(scope, "c", "new")
        assert await methods.get_many(scope, ["a", "c"]) == {"a": f"{index}, again", "c": "new"}
    unseen = TaskScope("faults", "run", "mapped", 100)
    await methods.set(unseen, "a", "1")
    assert await methods.get(unseen, "a") == "1"
    await methods.backend.aclose()
    methods.backend.close()


async def test_what_needs_all_pages_of_a_task_waits_for_the_end_of_the_move(
    half_moved: Migration, either_mode: str
) -> None:
    hasty = Methods(RedisStateBackend(url=half_moved.cluster.url, **PATIENT), either_mode)
    with few_attempts(), pytest.raises(UnavailableError, match="TRYAGAIN|ASK"):
        await hasty.clear(MAPPED[0], all_map_indices=True)
    patient = Methods(RedisStateBackend(url=half_moved.cluster.url, **PATIENT), either_mode)
    assert await patient.get(MAPPED[0], "a") == "0"
    ending = threading.Timer(0.3, half_moved.finish)
    ending.start()
    await patient.clear(MAPPED[0], all_map_indices=True)
    assert [await patient.entries(scope) for scope in MAPPED] == [{}] * len(MAPPED)
    ending.join()
    for methods in (hasty, patient):
        await methods.backend.aclose()
        methods.backend.close()


async def test_a_delete_or_a_clear_amid_the_move_is_whole_or_fails(
    half_moved: Migration, either_mode: str
) -> None:
    hasty = Methods(RedisStateBackend(url=half_moved.cluster.url, **PATIENT), either_mode)
    methods = Methods(RedisStateBackend(url=half_moved.cluster.url, **PATIENT), either_mode)
    calls: list[tuple[TaskScope, Call, set[str]]] = [
        *((scope, lambda by, scope: by.delete(scope, "a"), {"b"}) for scope in MAPPED[:4]),
        *((scope, lambda by, scope: by.clear(scope), set()) for scope in MAPPED[4:8]),
    ]
    for scope, call, after in calls:
        try:
            with few_attempts():
                await call(hasty, scope)
        except UnavailableError:
            assert set(await methods.entries(scope)) == {"a", "b"}
        else:
            assert set(await methods.entries(scope)) == after
    half_moved.finish()
    for scope, call, after in calls:
        await call(methods, scope)
        assert set(await methods.entries(scope)) == after
    for each in (hasty, methods):
        await each.backend.aclose()
        each.backend.close()
