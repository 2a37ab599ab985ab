"""What ``clear`` removes, and what it leaves alone."""

from __future__ import annotations

from uuid import UUID

import pytest

from redis_state import AssetScope, StateScope, TaskScope
from redis_state.format.layout import PAGES
from tests.support.methods import Methods

TASK = ("dag", "run", "task")
INDICES = (-1, 0, 1, 2, 12, PAGES, PAGES + 1, 10 * PAGES, 99_999)


async def test_clear_removes_every_key_of_the_scope(methods: Methods, scope: StateScope) -> None:
    await methods.set_many(scope, {str(number): "1" for number in range(20)})
    await methods.clear(scope)
    assert await methods.entries(scope) == {}


async def test_clearing_an_empty_scope_is_no_error(methods: Methods, scope: StateScope) -> None:
    await methods.clear(scope)
    await methods.clear(scope, all_map_indices=True)


async def test_a_cleared_scope_takes_new_values(methods: Methods, scope: StateScope) -> None:
    await methods.set(scope, "key", "1")
    await methods.clear(scope)
    await methods.set(scope, "key", "2")
    assert await methods.get(scope, "key") == "2"


@pytest.mark.parametrize("cleared", INDICES)
async def test_clear_of_one_map_index_leaves_all_others(methods: Methods, cleared: int) -> None:
    for index in INDICES:
        await methods.set(TaskScope(*TASK, index), "key", str(index))
    await methods.clear(TaskScope(*TASK, cleared))
    for index in INDICES:
        expected = None if index == cleared else str(index)
        assert await methods.get(TaskScope(*TASK, index), "key") == expected


@pytest.mark.parametrize("index", [-1, 0, 500])
async def test_clear_of_all_map_indices_removes_the_unmapped_too(
    methods: Methods, index: int
) -> None:
    for written in INDICES:
        await methods.set_many(TaskScope(*TASK, written), {"a": "1", "b": "2"})
    await methods.clear(TaskScope(*TASK, index), all_map_indices=True)
    for written in INDICES:
        assert await methods.entries(TaskScope(*TASK, written)) == {}


async def test_clear_leaves_other_tasks_runs_dags_and_assets(methods: Methods) -> None:
    others: list[StateScope] = [
        TaskScope("dag", "run", "task2"),
        TaskScope("dag", "run2", "task", 1),
        TaskScope("dag2", "run", "task"),
        AssetScope(asset_id=1),
    ]
    for scope in others:
        await methods.set(scope, "key", "1")
    await methods.set(TaskScope(*TASK), "key", "1")
    await methods.clear(TaskScope(*TASK), all_map_indices=True)
    assert [await methods.get(scope, "key") for scope in others] == ["1"] * len(others)


async def test_for_an_asset_all_map_indices_has_no_effect(methods: Methods) -> None:
    await methods.set(AssetScope(asset_id=1), "key", "1")
    await methods.set(AssetScope(asset_id=2), "key", "2")
    await methods.clear(AssetScope(asset_id=1), all_map_indices=True)
    assert await methods.get(AssetScope(asset_id=1), "key") is None
    assert await methods.get(AssetScope(asset_id=2), "key") == "2"


async def test_regions_are_apart_and_cleared_apart(methods: Methods) -> None:
    one, two = UUID(int=1), UUID(int=2)
    scopes = [TaskScope(*TASK, index, region) for index in (-1, 4) for region in (UUID(int=0), one)]
    for number, scope in enumerate(scopes):
        await methods.set(scope, "key", str(number))
    assert await methods.get(TaskScope(*TASK, 4, two), "key") is None
    await methods.clear(TaskScope(*TASK, -1, one), all_map_indices=True)
    assert [await methods.get(scope, "key") for scope in scopes] == ["0", None, "2", None]


async def test_the_zero_region_is_the_place_of_a_scope_without_region(methods: Methods) -> None:
    class ScopeOfAirflow33:
        dag_id, run_id, task_id, map_index = "dag", "run", "task", 4

    await methods.set(TaskScope(*TASK, 4, UUID(int=0)), "key", "1")
    without_region: StateScope = ScopeOfAirflow33()  # type: ignore[assignment]
    assert await methods.get(without_region, "key") == "1"
