"""Runs that had the same run id one after the other never see each other's state.

The session stands for one in which Airflow has loaded the run; that it does is shown on the real
one, beside Airflow.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from redis_state import AssetScope, StateScope, TaskScope
from redis_state.airflow.run_identity import NOTES
from tests.support.methods import Methods

TASKS = [TaskScope("dag", "run", "task"), TaskScope("dag", "run", "task", 3)]
OTHER_RUN = TaskScope("dag", "other run", "task")


class Session:
    def __init__(self, incarnation: int) -> None:
        self.info = {NOTES: {("dag", "run"): incarnation}}


FIRST, SECOND = Session(41), Session(42)


@pytest.fixture(params=TASKS, ids=["plain", "mapped"])
def scope(request: pytest.FixtureRequest) -> StateScope:
    scope: StateScope = request.param
    return scope


async def call(methods: Methods, method: str, *args: Any, **options: Any) -> Any:
    return await methods._call(method, *args, **options)


async def test_a_run_keeps_its_own_state(methods: Methods, scope: StateScope) -> None:
    await call(methods, "set", scope, "key", "1", session=FIRST)
    assert await call(methods, "get", scope, "key", session=FIRST) == "1"
    assert await call(methods, "get_many", scope, ["key"], session=FIRST) == {"key": "1"}
    assert set(await call(methods, "entries", scope, session=FIRST)) == {"key"}


async def test_a_run_of_the_same_id_starts_empty(methods: Methods, scope: StateScope) -> None:
    await call(methods, "set", scope, "key", "1", session=FIRST)
    assert await call(methods, "get", scope, "key", session=SECOND) is None
    assert await call(methods, "get_many", scope, ["key"], session=SECOND) == {}
    assert await call(methods, "entries", scope, session=SECOND) == {}


async def test_it_writes_over_the_dead_run_s_values(methods: Methods, scope: StateScope) -> None:
    deadline = datetime.now(UTC) + timedelta(hours=1)
    await call(methods, "set_many", scope, {"a": "1", "b": "2"}, session=FIRST)
    await call(methods, "set", scope, "a", "3", expires_at=deadline, session=SECOND)
    assert await call(methods, "get", scope, "a", session=SECOND) == "3"
    assert await call(methods, "get", scope, "b", session=SECOND) is None
    assert await call(methods, "get", scope, "a", session=FIRST) is None


async def test_it_may_clear_what_it_does_not_see(methods: Methods, scope: StateScope) -> None:
    await call(methods, "set_many", scope, {"a": "1", "b": "2"}, session=FIRST)
    await call(methods, "delete", scope, "a", session=SECOND)
    assert await methods.get_many(scope, ["a", "b"]) == {"b": "2"}
    await call(methods, "clear", scope, session=SECOND)
    assert await methods.entries(scope) == {}


async def test_nothing_is_fenced_where_either_side_does_not_know_its_run(
    methods: Methods, scope: StateScope
) -> None:
    await call(methods, "set", scope, "known", "1", session=FIRST)
    assert await methods.get(scope, "known") == "1"
    await methods.set(scope, "unknown", "2")
    assert await call(methods, "get", scope, "unknown", session=SECOND) == "2"
    assert await call(methods, "get", scope, "known", session=object()) == "1"


async def test_a_session_that_knows_another_run_fences_nothing(methods: Methods) -> None:
    await call(methods, "set", OTHER_RUN, "key", "1", session=FIRST)
    assert await call(methods, "get", OTHER_RUN, "key", session=SECOND) == "1"


async def test_an_asset_lives_across_runs(methods: Methods) -> None:
    asset = AssetScope(asset_id=7)
    await call(methods, "set", asset, "key", "1", session=FIRST)
    assert await call(methods, "get", asset, "key", session=SECOND) == "1"
