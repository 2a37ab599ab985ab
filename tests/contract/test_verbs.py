"""What the verbs do, whatever the server, the colour and the kind of scope."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest

from redis_state import AssetScope, StateScope, TaskScope
from tests.support.verbs import Verbs

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


async def test_a_key_never_written_is_absent(verbs: Verbs, scope: StateScope) -> None:
    assert await verbs.get(scope, "job_id") is None


async def test_a_written_value_comes_back(verbs: Verbs, scope: StateScope) -> None:
    await verbs.set(scope, "job_id", '"job-1"')
    assert await verbs.get(scope, "job_id") == '"job-1"'


async def test_a_second_write_replaces_the_first(verbs: Verbs, scope: StateScope) -> None:
    await verbs.set(scope, "page", "1")
    await verbs.set(scope, "page", "2")
    assert await verbs.get(scope, "page") == "2"


async def test_a_deleted_key_is_absent_and_others_stay(verbs: Verbs, scope: StateScope) -> None:
    await verbs.set(scope, "a", "1")
    await verbs.set(scope, "b", "2")
    await verbs.delete(scope, "a")
    assert await verbs.get(scope, "a") is None
    assert await verbs.get(scope, "b") == "2"


async def test_deleting_an_absent_key_is_no_error(verbs: Verbs, scope: StateScope) -> None:
    await verbs.delete(scope, "never")
    await verbs.set(scope, "a", "1")
    await verbs.delete(scope, "never")
    assert await verbs.get(scope, "a") == "1"


@pytest.mark.parametrize("key", HOSTILE_KEYS)
async def test_any_text_is_a_key_of_its_own(verbs: Verbs, key: str) -> None:
    scope, mapped = TaskScope("dag", "run", "task"), TaskScope("dag", "run", "task", 5)
    for place in (scope, mapped):
        for other in HOSTILE_KEYS:
            if other != key:
                await verbs.set(place, other, '"other"')
        await verbs.set(place, key, '"mine"')
        await verbs.delete(place, "no such key")
        assert await verbs.get(place, key) == '"mine"'
        assert set(await verbs.entries(place)) == set(HOSTILE_KEYS)
        await verbs.delete(place, key)
        assert await verbs.get(place, key) is None
        assert set(await verbs.entries(place)) == set(HOSTILE_KEYS) - {key}


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
async def test_a_value_comes_back_byte_for_byte(verbs: Verbs, value: str) -> None:
    scope = TaskScope("dag", "run", "task")
    await verbs.set(scope, "key", value)
    assert await verbs.get(scope, "key") == value
    assert (await verbs.entries(scope))["key"].value == value


async def test_a_value_of_five_megabytes_comes_back(verbs: Verbs) -> None:
    scope, value = TaskScope("dag", "run", "task"), json.dumps("x" * 5_000_000)
    await verbs.set(scope, "key", value)
    assert await verbs.get(scope, "key") == value


async def test_no_two_scopes_share_a_value(verbs: Verbs) -> None:
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
        await verbs.set(scope, "key", str(number))
    assert [await verbs.get(scope, "key") for scope in scopes] == [
        str(number) for number in range(len(scopes))
    ]


async def test_many_values_are_written_and_read_at_once(verbs: Verbs, scope: StateScope) -> None:
    await verbs.set_many(scope, {"a": "1", "b": "2", "\0c": "3"})
    assert await verbs.get_many(scope, ["a", "b", "never", "\0c", "a"]) == {
        "a": "1",
        "b": "2",
        "\0c": "3",
    }


async def test_many_values_share_their_deadline(verbs: Verbs, scope: StateScope) -> None:
    deadline = datetime.now(UTC) + timedelta(hours=1)
    await verbs.set_many(scope, {"a": "1", "b": "2"}, expires_at=deadline)
    assert {entry.expires_at for entry in (await verbs.entries(scope)).values()} == {deadline}


async def test_no_keys_and_no_values_are_no_error(verbs: Verbs, scope: StateScope) -> None:
    await verbs.set_many(scope, {})
    assert await verbs.get_many(scope, []) == {}


async def test_entries_tell_value_and_times_sorted_by_key(verbs: Verbs, scope: StateScope) -> None:
    before = datetime.now(UTC) - timedelta(milliseconds=2)
    deadline = datetime.now(UTC) + timedelta(hours=1, microseconds=7)
    await verbs.set(scope, "b", "2", expires_at=deadline)
    await verbs.set(scope, "a", "1")
    entries = await verbs.entries(scope)
    assert list(entries) == ["a", "b"]
    assert entries["a"].value == "1"
    assert entries["a"].expires_at is None
    assert entries["b"].expires_at == deadline
    assert all(before <= entry.updated_at <= datetime.now(UTC) for entry in entries.values())


async def test_entries_of_an_empty_scope_are_empty(verbs: Verbs, scope: StateScope) -> None:
    assert await verbs.entries(scope) == {}


async def test_sync_and_async_see_the_same_state(verbs: Verbs) -> None:
    scope = TaskScope("dag", "run", "task", 2)
    await verbs.backend.aset(scope, "a", "1")
    verbs.backend.set(scope, "b", "2")
    assert verbs.backend.get(scope, "a") == "1"
    assert await verbs.backend.aget(scope, "b") == "2"


async def test_cleanup_is_not_needed_and_does_nothing(verbs: Verbs) -> None:
    scope = TaskScope("dag", "run", "task")
    await verbs.set(scope, "key", "1")
    verbs.backend.cleanup()
    assert await verbs.get(scope, "key") == "1"
