"""A survey: what a task or an asset keeps at a glance, by times and sizes alone."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

import pytest

from redis_state import AssetScope, Survey, Tally, TaskScope
from redis_state.admin import survey as survey_module
from redis_state.airflow.run_identity import NOTES
from redis_state.operations.operation import Batch, Capabilities, Operation, Replies
from tests.contract.test_methods import HOSTILE_KEYS
from tests.support.methods import Methods

TASK = TaskScope("dag", "run", "task")
ASSET = AssetScope(asset_id=7)
PAST = datetime.now(UTC) - timedelta(hours=1)
SOON, LATER = (datetime.now(UTC) + timedelta(hours=hours) for hours in (1, 2))


def at(index: int) -> TaskScope:
    return TaskScope("dag", "run", "task", index)


async def survey(methods: Methods, scope: Any, **options: Any) -> Survey:
    found: Survey = await methods._call("survey", scope, **options)
    return found


async def test_an_empty_task_and_an_empty_asset_keep_nothing(methods: Methods) -> None:
    assert await survey(methods, TASK) == await survey(methods, ASSET) == Survey()


async def test_all_instances_of_a_task_are_told_apart(methods: Methods) -> None:
    for index in (-1, 0, 3, 128, 131, 1000):
        await methods.set(at(index), "key", "1")
    await methods.set(TaskScope("dag", "run", "task_2", 3), "key", "1")
    found = await survey(methods, at(3))
    assert list(found.instances) == [-1, 0, 3, 128, 131, 1000]
    assert all(tally == Tally(1, tally.size, 1) for tally in found.instances.values())
    assert (found.total.keys, found.total.permanent, found.is_complete) == (6, 6, True)


async def test_a_tally_tells_how_many_keys_are_permanent_and_what_expires_next(
    methods: Methods,
) -> None:
    await methods.set(at(3), "later", "1", expires_at=LATER)
    await methods.set(at(3), "soon", "1", expires_at=SOON)
    await methods.set(at(3), "for ever", "1")
    found = (await survey(methods, TASK)).instances[3]
    assert (found.keys, found.permanent, found.next_expiry) == (3, 1, SOON)


async def test_an_asset_is_one_instance(methods: Methods) -> None:
    await methods.set_many(ASSET, {"a": "1", "b": "2"})
    found = await survey(methods, ASSET)
    assert found.instances == {-1: found.total}
    assert found.total.keys == 2
    noted = {(each.map_index, each.key, each.expires_at) for each in found.permanent}
    assert noted == {(-1, "a", None), (-1, "b", None)}


async def test_what_is_over_and_what_another_run_has_left_count_nowhere(methods: Methods) -> None:
    class Session:
        def __init__(self, incarnation: int) -> None:
            self.info = {NOTES: {("dag", "run"): incarnation}}

    await methods.set(at(3), "over", "1", expires_at=PAST)
    await methods._call("set", at(3), "key", "1", session=Session(41))
    assert await survey(methods, TASK, session=Session(42)) == Survey()
    assert (await survey(methods, TASK, session=Session(41))).total.keys == 1


async def test_the_biggest_values_are_noted_from_the_biggest_on(methods: Methods) -> None:
    for size in range(1, 15):
        # Also as it is compressed.
        text = Random(size).randbytes(size * 100).hex()
        await methods.set(at(size), "text", f'"{text}"', expires_at=SOON)
    found = await survey(methods, TASK)
    assert [noted.map_index for noted in found.biggest] == list(range(14, 4, -1))
    assert {noted.expires_at for noted in found.biggest} == {SOON}
    assert found.permanent == []


async def test_so_many_permanent_values_are_noted_and_all_are_counted(methods: Methods) -> None:
    await methods.set_many(at(3), {str(number): "1" for number in range(survey_module.NOTED + 5)})
    found = await survey(methods, TASK)
    assert len(found.permanent) == survey_module.NOTED
    assert found.total.permanent == survey_module.NOTED + 5


async def test_any_key_is_noted_as_it_is(methods: Methods) -> None:
    for scope in (TASK, at(3), ASSET):
        await methods.set_many(scope, dict.fromkeys(HOSTILE_KEYS, "1"))
        found = await survey(methods, scope)
        assert found.total.keys == len(HOSTILE_KEYS)
        assert {noted.key for noted in found.permanent} <= set(HOSTILE_KEYS)
        await methods.clear(scope)


async def test_many_large_values_take_many_steps_and_are_all_met(methods: Methods) -> None:
    await methods.set_many(at(3), {str(number): f'"{"x" * 100_000}"' for number in range(50)})
    await methods.set_many(at(4), {str(number): "1" for number in range(1500)})
    found = await survey(methods, TASK)
    assert {index: tally.keys for index, tally in found.instances.items()} == {3: 50, 4: 1500}


async def test_a_survey_that_ends_early_says_so(
    methods: Methods, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(survey_module, "_MOST_STEPS", 1)
    monkeypatch.setattr("redis_state.operations.survey._ENOUGH", (20, 1, 1_000_000))
    await methods.set(at(127), "key", "1")
    assert (await survey(methods, TASK)).is_complete is False


async def test_instances_beyond_the_most_that_are_kept_count_in_the_total(
    methods: Methods, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(survey_module, "_MOST_INSTANCES", 2)
    for index in range(3):
        await methods.set(at(index), "key", "1")
    found = await survey(methods, TASK)
    assert (len(found.instances), found.total.keys) == (2, 3)


async def test_a_value_with_a_damaged_header_is_counted_apart(methods: Methods) -> None:
    class Damage(Operation[None]):
        page = f"{methods.backend.settings.namespace}:t:{{dag/run/task}}:-1"

        def begin(self, _: Capabilities) -> Batch:
            return [("HSET", self.page, "damaged", b"\0" * 30)]

        def end(self, _: Replies) -> None:
            return None

    await methods.set(TASK, "whole", "1")
    methods.backend._client.run(Damage())
    found = await survey(methods, TASK)
    assert (found.total.keys, found.unreadable) == (1, 1)
    await methods.clear(TASK)
