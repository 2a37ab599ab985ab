"""What the methods do, whatever the server, the mode and the kind of scope."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest

from redis_state import AssetScope, StateScope, TaskScope
from tests.support.methods import Methods

HOSTILE_KEYS = [
    "",
    " ",
    "a/b",
    "a_b",
    "{braces}",
    "*[?]#%",
    "5:key",
    "-1",
    "\0",
    "\0\0",
    "\0key",
    "line\r\nfeed\ttab",
    "caf\u00e9",
    "cafe\u0301",
    "\U0001f600",
    "\ud800",
    "x" * 512,
]


async def test_a_key_never_written_is_absent(methods: Methods, scope: StateScope) -> None:
    assert await methods.get(scope, "job_id") is None


async def test_a_written_value_comes_back(methods: Methods, scope: StateScope) -> None:
    await methods.set(scope, "job_id", '"job-1"')
    assert await methods.get(scope, "job_id") == '"job-1"'


async def test_a_second_write_replaces_the_first(methods: Methods, scope: StateScope) -> None:
    await methods.set(scope, "page", "1")
    await methods.set(scope, "page", "2")
    assert await methods.get(scope, "page") == "2"


async def test_a_deleted_key_is_absent_and_others_stay(methods: Methods, scope: StateScope) -> None:
    await methods.set(scope, "a", "1")
    await methods.set(scope, "b", "2")
    await methods.delete(scope, "a")
    assert await methods.get(scope, "a") is None
    assert await methods.get(scope, "b") == "2"


async def test_deleting_an_absent_key_is_no_error(methods: Methods, scope: StateScope) -> None:
    await methods.delete(scope, "never")
    await methods.set(scope, "a", "1")
    await methods.delete(scope, "never")
    assert await methods.get(scope, "a") == "1"


@pytest.mark.parametrize("key", HOSTILE_KEYS)
async def test_any_text_is_a_key_of_its_own(methods: Methods, key: str) -> None:
    scope, mapped = TaskScope("dag", "run", "task"), TaskScope("dag", "run", "task", 5)
    for place in (scope, mapped):
        for other in HOSTILE_KEYS:
            if other != key:
                await methods.set(place, other, '"other"')
        await methods.set(place, key, '"mine"')
        await methods.delete(place, "no such key")
        assert await methods.get(place, key) == '"mine"'
        assert set(await methods.entries(place)) == set(HOSTILE_KEYS)
        await methods.delete(place, key)
        assert await methods.get(place, key) is None
        assert set(await methods.entries(place)) == set(HOSTILE_KEYS) - {key}


@pytest.mark.parametrize(
    "value",
    [
        "null",
        '""',
        "0",
        "-1.5e300",
        "[]",
        '{"a": [1, {"b": null}]}',
        ' {"spaces" :  "stay" } ',
        json.dumps("caf\u00e9 \U0001f600 \0"),
        '"raw unicode: caf\u00e9 \U0001f600"',
        '"\ud800"',
        "",
        json.dumps("x" * 64 * 1024),
    ],
    ids=lambda value: value[:12].encode("ascii", "backslashreplace").decode(),
)
async def test_a_value_comes_back_byte_for_byte(methods: Methods, value: str) -> None:
    scope = TaskScope("dag", "run", "task")
    await methods.set(scope, "key", value)
    assert await methods.get(scope, "key") == value
    assert (await methods.entries(scope))["key"].value == value


async def test_a_value_of_five_megabytes_comes_back(methods: Methods) -> None:
    scope, value = TaskScope("dag", "run", "task"), json.dumps("x" * 5_000_000)
    await methods.set(scope, "key", value)
    assert await methods.get(scope, "key") == value


async def test_no_two_scopes_share_a_value(methods: Methods) -> None:
    scopes: list[StateScope] = [
        TaskScope("a/b", "c", "d"),
        TaskScope("a", "b/c", "d"),
        TaskScope("a_b", "c", "d"),
        TaskScope("a", "b", "c}:5"),
        TaskScope("a", "b", "c", 5),
        TaskScope("a", "b", "c"),
        TaskScope("a", "b", "c", 0),
        TaskScope("a", "b", "c", 128),
        AssetScope(asset_id=1),
        AssetScope(name="1"),
        AssetScope(uri="1"),
        AssetScope(name="id:1"),
    ]
    for number, scope in enumerate(scopes):
        await methods.set(scope, "key", str(number))
    assert [await methods.get(scope, "key") for scope in scopes] == [
        str(number) for number in range(len(scopes))
    ]


async def test_many_values_are_written_and_read_at_once(
    methods: Methods, scope: StateScope
) -> None:
    await methods.set_many(scope, {"a": "1", "b": "2", "\0c": "3"})
    assert await methods.get_many(scope, ["a", "b", "never", "\0c", "a"]) == {
        "a": "1",
        "b": "2",
        "\0c": "3",
    }


async def test_many_values_share_their_deadline(methods: Methods, scope: StateScope) -> None:
    deadline = datetime.now(UTC) + timedelta(hours=1)
    await methods.set_many(scope, {"a": "1", "b": "2"}, expires_at=deadline)
    assert {entry.expires_at for entry in (await methods.entries(scope)).values()} == {deadline}


async def test_no_keys_and_no_values_are_no_error(methods: Methods, scope: StateScope) -> None:
    await methods.set_many(scope, {})
    assert await methods.get_many(scope, []) == {}


async def test_entries_tell_value_and_times_sorted_by_key(
    methods: Methods, scope: StateScope
) -> None:
    before = datetime.now(UTC) - timedelta(milliseconds=2)
    deadline = datetime.now(UTC) + timedelta(hours=1, microseconds=7)
    await methods.set(scope, "b", "2", expires_at=deadline)
    await methods.set(scope, "a", "1")
    entries = await methods.entries(scope)
    assert list(entries) == ["a", "b"]
    assert entries["a"].value == "1"
    assert entries["a"].expires_at is None
    assert entries["b"].expires_at == deadline
    assert all(before <= entry.updated_at <= datetime.now(UTC) for entry in entries.values())


async def test_entries_of_an_empty_scope_are_empty(methods: Methods, scope: StateScope) -> None:
    assert await methods.entries(scope) == {}


async def test_sync_and_async_see_the_same_state(methods: Methods) -> None:
    scope = TaskScope("dag", "run", "task", 2)
    await methods.backend.aset(scope, "a", "1")
    methods.backend.set(scope, "b", "2")
    assert methods.backend.get(scope, "a") == "1"
    assert await methods.backend.aget(scope, "b") == "2"


async def test_cleanup_is_not_needed_and_does_nothing(methods: Methods) -> None:
    scope = TaskScope("dag", "run", "task")
    await methods.set(scope, "key", "1")
    methods.backend.cleanup()
    assert await methods.get(scope, "key") == "1"
