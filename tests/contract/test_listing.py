"""What tools and Airflow's UI ask: one value with its times, and the keys of a scope in pages."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from redis_state import AssetScope, Listing, StateScope, TaskScope
from redis_state.admin import listing
from redis_state.airflow.run_identity import NOTES
from redis_state.format.codec import Codec
from redis_state.format.envelope import NEVER
from redis_state.format.layout import place
from redis_state.operations.writes import Write
from tests.contract.test_methods import HOSTILE_KEYS
from tests.support.methods import Methods

TASK = TaskScope("dag", "run", "task")
SOON = datetime.now(UTC) + timedelta(hours=1)
PAST = datetime.now(UTC) - timedelta(hours=1)


class Session:
    def __init__(self, incarnation: int) -> None:
        self.info = {NOTES: {("dag", "run"): incarnation}}


async def listed(methods: Methods, scope: StateScope, **options: Any) -> Listing:
    found: Listing = await methods._call("listing", scope, **{"limit": 50, **options})
    return found


async def entry(methods: Methods, scope: StateScope, key: str, **options: Any) -> Any:
    return await methods._call("entry", scope, key, **options)


async def test_an_entry_tells_the_value_and_its_times(methods: Methods, scope: StateScope) -> None:
    before = datetime.now(UTC) - timedelta(seconds=1)
    await methods.set(scope, "lease", '"a"', expires_at=SOON)
    found = await entry(methods, scope, "lease")
    assert (found.value, found.expires_at) == ('"a"', SOON)
    assert before <= found.updated_at <= datetime.now(UTC)
    assert not found.set_by_api


async def test_an_absent_key_has_no_entry(methods: Methods, scope: StateScope) -> None:
    await methods.set(scope, "over", "1", expires_at=PAST)
    assert await entry(methods, scope, "over") is None
    assert await entry(methods, scope, "never there") is None


async def test_an_entry_of_another_run_is_absent(methods: Methods) -> None:
    await methods._call("set", TASK, "key", "1", session=Session(41))
    assert await entry(methods, TASK, "key", session=Session(42)) is None
    assert (await listed(methods, TASK, session=Session(42))) == Listing({}, {}, 0)
    assert (await listed(methods, TASK, session=Session(41))).total == 1


async def test_a_listing_is_in_the_order_of_code_points(
    methods: Methods, scope: StateScope
) -> None:
    await methods.set_many(scope, dict.fromkeys(HOSTILE_KEYS, "1"))
    found = await listed(methods, scope)
    assert list(found.entries) == sorted(HOSTILE_KEYS)
    assert found.total == len(HOSTILE_KEYS)


async def test_pages_follow_each_other(methods: Methods, scope: StateScope) -> None:
    keys = [f"{number:04}" for number in range(1200)]
    await methods.set_many(scope, {key: f'"{key}"' for key in reversed(keys)})
    await methods.set(scope, "over", "1", expires_at=PAST)
    for offset in (0, 7, 600, 1190, 1200, 9999):
        found = await listed(methods, scope, limit=20, offset=offset)
        assert found.total == len(keys)
        assert list(found.entries) == keys[offset : offset + 20]
        assert [read.value for read in found.entries.values()] == [
            f'"{key}"' for key in keys[offset : offset + 20]
        ]


async def test_a_page_of_none_only_counts(methods: Methods, scope: StateScope) -> None:
    await methods.set_many(scope, {"a": "1", "b": "2"})
    assert await listed(methods, scope, limit=0) == Listing({}, {}, 2)


async def test_pages_far_behind_need_no_more_memory(
    methods: Methods, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listing, "_MOST_KEPT", 10)
    keys = [f"{number:03}" for number in range(100)]
    await methods.set_many(TASK, dict.fromkeys(keys, "1"))
    for offset in (0, 9, 10, 11, 38, 95, 100, 120, 10**15):
        found = await listed(methods, TASK, limit=6, offset=offset)
        assert (list(found.entries), found.total) == (keys[offset : offset + 6], 100)


async def test_map_indices_that_share_a_page_are_kept_apart(methods: Methods) -> None:
    first, neighbour = (TaskScope("dag", "run", "task", index) for index in (3, 131))
    await methods.set_many(first, {"a": "1", "b": "2"})
    await methods.set_many(neighbour, {"a": "3"})
    assert set((await listed(methods, first)).entries) == {"a", "b"}
    assert (await listed(methods, neighbour)).total == 1


async def test_large_values_are_listed(methods: Methods, scope: StateScope) -> None:
    values = {f"{number:02}": '"' + "x" * 70_000 + '"' for number in range(40)}
    await methods.set_many(scope, values)
    found = await listed(methods, scope, limit=3, offset=30)
    assert (set(found.entries), found.total) == ({"30", "31", "32"}, 40)


class Foreign(Codec):
    """Writes what no version of this library does."""

    def encode(self, *_: Any) -> bytes:
        return b"written by another program"


async def test_a_value_that_cannot_be_read_hides_no_other(
    methods: Methods, scope: StateScope
) -> None:
    await methods.set_many(scope, {"a": "1", "z": "2"})
    spot = place(methods.backend.settings.namespace, scope)
    foreign = Write(spot, {"a": b""}, NEVER, codec=Foreign(methods.backend.settings))
    await asyncio.to_thread(methods.backend._client.run, foreign)
    found = await listed(methods, scope)
    assert (list(found.entries), found.total) == (["z"], 2)
    assert "redis-state did not write" in found.unreadable["a"]
    await methods.delete(scope, "a")


class TestAssetsThatTheApiSets:
    ASSET = AssetScope(asset_id=7)

    async def test_they_say_so(self, methods: Methods) -> None:
        await methods.backend.aset_by_api(self.ASSET, "watermark", "4")
        assert await methods.get(self.ASSET, "watermark") == "4"
        assert (await entry(methods, self.ASSET, "watermark")).set_by_api
        assert (await listed(methods, self.ASSET)).entries["watermark"].set_by_api
        assert (await methods.entries(self.ASSET))["watermark"].set_by_api

    async def test_they_no_longer_do_once_a_task_has_set_them(self, methods: Methods) -> None:
        await methods.backend.aset_by_api(self.ASSET, "watermark", "4")
        await methods.set(self.ASSET, "watermark", "5")
        assert not (await entry(methods, self.ASSET, "watermark")).set_by_api

    async def test_a_reference_says_nothing(self, methods: Methods) -> None:
        document = '{"__airflow_state_ref__": "redis-state:asset/name/orders/watermark/of another"}'
        await methods.backend.aset_by_api(self.ASSET, "watermark", document)
        assert (await entry(methods, self.ASSET, "watermark")).value == document
        assert not (await entry(methods, self.ASSET, "watermark")).set_by_api

    async def test_a_task_s_value_says_nothing(self, methods: Methods) -> None:
        await methods.backend.aset_by_api(TASK, "key", "1", expires_at=SOON)
        found = await entry(methods, TASK, "key")
        assert (found.set_by_api, found.expires_at) == (False, SOON)


class TestOverwriting:
    async def test_it_keeps_the_deadline(self, methods: Methods, scope: StateScope) -> None:
        until = SOON + timedelta(microseconds=123_456)
        await methods.set(scope, "lease", "1", expires_at=until)
        assert await methods.backend.aoverwrite(scope, "lease", "2")
        found = await entry(methods, scope, "lease")
        assert (found.value, found.expires_at) == ("2", until)

    async def test_what_was_for_ever_stays_so(self, methods_with: Any) -> None:
        # Also where a task's `set` would give it a lifetime by default.
        methods = methods_with(default_retention="P1D")
        await methods.set(AssetScope(asset_id=7), "job_id", "1")
        assert await methods.backend.aoverwrite(AssetScope(asset_id=7), "job_id", "2")
        assert (await entry(methods, AssetScope(asset_id=7), "job_id")).expires_at is None

    async def test_there_is_nothing_to_overwrite(self, methods: Methods, scope: StateScope) -> None:
        assert not await methods.backend.aoverwrite(scope, "job_id", "2")
        assert await methods.get(scope, "job_id") is None
