"""When values expire: never early, never readable late, decided afresh by every write."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from redis_state import AssetScope, StateScope, TaskScope
from tests.support.methods import Methods
from tests.support.waiting import passed_by

NOW = timedelta(0)
SOON = timedelta(milliseconds=150)
LATER = timedelta(hours=1)
TASK = TaskScope("dag", "run", "task")


def in_(delta: timedelta) -> datetime:
    return datetime.now(UTC) + delta


async def pass_(delta: timedelta) -> None:
    """Wait until what was written just now with that deadline has to be gone."""
    await passed_by(in_(delta))


async def test_a_value_is_there_until_its_deadline_and_not_after(
    methods: Methods, scope: StateScope
) -> None:
    await methods.set(scope, "key", "0", expires_at=in_(LATER))
    assert await methods.get(scope, "key") == "0"
    await methods.set(scope, "key", "1", expires_at=(deadline := in_(SOON)))
    asked = in_(NOW)
    while await methods.get(scope, "key") == "1":
        assert asked < deadline
        asked = in_(NOW)
    assert in_(NOW) >= deadline
    assert await methods.get(scope, "key") is None
    assert await methods.get_many(scope, ["key"]) == {}
    assert await methods.entries(scope) == {}


async def test_a_permanent_value_outlives_a_short_one_beside_it(
    methods: Methods, scope: StateScope
) -> None:
    await methods.set(scope, "permanent", "1")
    await methods.set(scope, "short", "2", expires_at=in_(SOON))
    await pass_(SOON)
    assert set(await methods.entries(scope)) == {"permanent"}


async def test_a_long_value_outlives_a_short_one_written_after_it(
    methods: Methods, scope: StateScope
) -> None:
    await methods.set(scope, "long", "1", expires_at=in_(LATER))
    await methods.set(scope, "short", "2", expires_at=in_(SOON))
    await pass_(SOON)
    assert set(await methods.entries(scope)) == {"long"}


async def test_writing_without_a_deadline_makes_a_value_permanent(
    methods: Methods, scope: StateScope
) -> None:
    await methods.set(scope, "key", "1", expires_at=in_(SOON))
    await methods.set(scope, "key", "2")
    await pass_(SOON)
    entry = (await methods.entries(scope))["key"]
    assert (entry.value, entry.expires_at) == ("2", None)


async def test_writing_with_a_deadline_ends_a_permanent_value(
    methods: Methods, scope: StateScope
) -> None:
    await methods.set(scope, "key", "1")
    await methods.set(scope, "key", "2", expires_at=in_(LATER))
    assert await methods.get(scope, "key") == "2"
    await methods.set(scope, "key", "3")
    await methods.set(scope, "key", "4", expires_at=in_(SOON))
    await pass_(SOON)
    assert await methods.get(scope, "key") is None


@pytest.mark.parametrize(("first", "second"), [(SOON, LATER), (LATER, SOON)])
async def test_the_last_written_deadline_counts(
    methods: Methods, first: timedelta, second: timedelta
) -> None:
    await methods.set(TASK, "key", "1", expires_at=in_(first))
    await methods.set(TASK, "key", "2", expires_at=in_(second))
    await pass_(SOON)
    assert await methods.get(TASK, "key") == ("2" if second is LATER else None)


@pytest.mark.parametrize(
    "past",
    [
        datetime(2020, 1, 1, tzinfo=UTC),
        datetime(1970, 1, 1, tzinfo=UTC),
        datetime(1960, 1, 1, tzinfo=UTC),
        datetime.min,  # noqa: DTZ901 - naive on purpose
    ],
    ids=str,
)
async def test_a_deadline_in_the_past_leaves_the_key_absent(
    methods: Methods, scope: StateScope, past: datetime
) -> None:
    await methods.set(scope, "never", "1", expires_at=past)
    await methods.set(scope, "there", "1")
    await methods.set(scope, "there", "2", expires_at=past)
    assert await methods.entries(scope) == {}


async def test_a_naive_deadline_is_read_as_utc(methods: Methods) -> None:
    deadline = in_(LATER)
    await methods.set(TASK, "key", "1", expires_at=deadline.replace(tzinfo=None))
    assert (await methods.entries(TASK))["key"].expires_at == deadline


@pytest.mark.parametrize("hours", [-12, 5.5, 14])
async def test_a_deadline_in_another_zone_is_the_same_moment(
    methods: Methods, hours: float
) -> None:
    deadline = in_(LATER).astimezone(timezone(timedelta(hours=hours)))
    await methods.set(TASK, "key", "1", expires_at=deadline)
    assert (await methods.entries(TASK))["key"].expires_at == deadline


@pytest.mark.parametrize(
    "deadline",
    [
        datetime.max.replace(tzinfo=UTC),
        datetime.max.replace(tzinfo=timezone(timedelta(hours=12))),
        datetime(4199, 11, 24, 1, 22, 57, 664000, tzinfo=UTC),
        datetime(4199, 11, 24, 1, 22, 57, 663000, tzinfo=UTC),
        datetime(2255, 6, 5, 23, 47, 34, 740993, tzinfo=UTC),
    ],
    ids=str,
)
async def test_a_deadline_in_the_far_future_is_kept(
    methods: Methods, scope: StateScope, deadline: datetime
) -> None:
    await methods.set(scope, "key", "1", expires_at=deadline)
    await methods.set(scope, "other", "2", expires_at=in_(SOON))
    await pass_(SOON)
    assert (await methods.entries(scope))["key"].expires_at == deadline


async def test_one_task_expiring_leaves_its_siblings_on_the_page(methods: Methods) -> None:
    short, long = TaskScope("dag", "run", "task", 1), TaskScope("dag", "run", "task", 129)
    await methods.set(short, "key", "1", expires_at=in_(SOON))
    await methods.set(long, "key", "2", expires_at=in_(LATER))
    await pass_(SOON)
    assert await methods.get(short, "key") is None
    assert await methods.get(long, "key") == "2"


async def test_default_retention_ends_a_task_value_without_deadline(methods_with: Any) -> None:
    methods = methods_with(default_retention=3600)
    await methods.set(TASK, "key", "1")
    await methods.set(AssetScope(asset_id=1), "key", "1")
    expires_at = (await methods.entries(TASK))["key"].expires_at
    assert abs(expires_at - in_(LATER)) < timedelta(seconds=60)
    assert (await methods.entries(AssetScope(asset_id=1)))["key"].expires_at is None


async def test_a_deadline_of_its_own_comes_before_default_retention(methods_with: Any) -> None:
    methods, deadline = methods_with(default_retention=5), in_(LATER)
    await methods.set(TASK, "key", "1", expires_at=deadline)
    assert (await methods.entries(TASK))["key"].expires_at == deadline
