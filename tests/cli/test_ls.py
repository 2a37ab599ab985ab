"""`redis-state ls`: what keeps state, by task and asset."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest

from redis_state import AssetScope, RedisStateBackend, TaskScope
from redis_state.cli.exits import DONE, NOTHING_FOUND, WRONG_USE
from tests.cli.conftest import ORDERS, RUN, SUBMIT, Call
from tests.support.commands import in_a_terminal

LOAD = [TaskScope("etl", RUN, "load", index) for index in range(3)]
OTHER = TaskScope("report*", "manual", "send")


@pytest.fixture
def filled(state: RedisStateBackend) -> RedisStateBackend:
    ends = datetime.now(UTC) + timedelta(hours=20)
    state.set(SUBMIT, "job", '"j-1"', expires_at=ends)
    state.set(SUBMIT, "log", '"' + "x" * 2_000 + '"', expires_at=ends + timedelta(days=5))
    for scope in LOAD:
        state.set(scope, "offset", "1", expires_at=ends + timedelta(days=5))
    state.set(OTHER, "sent", "true")
    state.set(ORDERS, "watermark", '"2026-11-29"')
    state.set(AssetScope(name="sales"), "cursor", "5")
    return state


def listed(call: Call, *arguments: str) -> list[str]:
    rows = [json.loads(line) for line in call("ls", "-o", "jsonl", *arguments).out.splitlines()]
    names = ("task_id", "asset_id", "asset_name")
    return [
        str(next(row[name] for name in names if row[name] is not None))
        + (
            f"[{row['map_index']}]"
            if (row["map_index"] or -1) >= 0 or row["map_index"] == 0
            else ""
        )
        for row in rows
    ]


ALL = ["sales", "7", "load[0]", "load[1]", "load[2]", "submit", "send"]


@pytest.mark.usefixtures("filled")
@pytest.mark.parametrize(
    ("arguments", "found"),
    [
        ((), ALL),
        (("--dag-id", "etl"), ["load[0]", "load[1]", "load[2]", "submit"]),
        (("--dag-id", "e*", "--task-id", "?oad"), ["load[0]", "load[1]", "load[2]"]),
        (("--run-id", "scheduled__*"), ["load[0]", "load[1]", "load[2]", "submit"]),
        (("--map-index", "1"), ["load[1]"]),
        (("--dag-id", "[er]*"), []),
        (("--asset-id", "7"), ["7"]),
        (("--asset-name", "s*"), ["sales"]),
        (("--task-id", "send", "--asset-id", "7"), ["7", "send"]),
        (("--expiring", "1d"), ["submit"]),
        (("--permanent",), ["sales", "7", "send"]),
        (("--larger", "1kB"), ["submit"]),
        (("--larger", "2002"), ["submit"]),
        (("--larger", "2MB"), []),
    ],
)
def test_options_say_what_is_listed(
    call: Call, arguments: tuple[str, ...], found: list[str]
) -> None:
    assert listed(call, *arguments) == found
    assert call("ls", *arguments).code == (DONE if found else NOTHING_FOUND)


@pytest.mark.usefixtures("filled")
def test_a_limit_ends_the_list(call: Call) -> None:
    assert len(listed(call, "--limit", "2")) == 2


def test_a_scope_is_told_with_what_it_keeps(call: Call, filled: RedisStateBackend) -> None:
    (row,) = json.loads(call("ls", "--task-id", "submit", "-o", "json").out)
    ends = filled.entries(SUBMIT)["job"].expires_at
    assert ends is not None
    assert row == {
        "kind": "task",
        "dag_id": "etl",
        "run_id": RUN,
        "task_id": "submit",
        "map_index": -1,
        "region_id": None,
        "asset_id": None,
        "asset_name": None,
        "asset_uri": None,
        "side": "server",
        "keys": 2,
        "bytes": 2_007,
        "permanent": 0,
        "next_expiry": ends.isoformat(timespec="microseconds").replace("+00:00", "Z"),
        "updated_at": row["updated_at"],
    }


def test_expired_values_are_not_listed(call: Call, state: RedisStateBackend) -> None:
    state.set(SUBMIT, "job", "1", expires_at=datetime(2020, 1, 1, tzinfo=UTC))
    assert listed(call) == []


def test_many_are_listed_as_they_are_met(
    call: Call, state: RedisStateBackend, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("redis_state.cli.commands.ls._SORTED", 10)
    monkeypatch.setattr("redis_state.cli.tables._FIRST", 10)
    for number in range(40):
        state.set(TaskScope("dag", "run", f"task {number}"), "key", "1")
    assert sorted(listed(call)) == sorted(f"task {number}" for number in range(40))
    lines = call("ls").out.splitlines()
    assert sum("dag/run/task" in line for line in lines) == 40
    assert sum("next expiry" in line for line in lines) == 1


@pytest.mark.usefixtures("filled")
@pytest.mark.parametrize("columns", [80, 200])
def test_a_table_is_as_wide_as_the_terminal(columns: int) -> None:
    shown = in_a_terminal("ls", "--dag-id", "etl", columns=columns)
    assert shown.code == DONE
    lines = shown.out.splitlines()
    assert max(map(len, lines)) <= columns
    assert (RUN in shown.out) is (columns == 200)


@pytest.mark.parametrize(
    ("option", "text"), [("--larger", "much"), ("--expiring", "soon"), ("--expiring", "1")]
)
def test_a_wrong_size_or_duration_is_wrong_use(call: Call, option: str, text: str) -> None:
    ended = call("ls", option, text)
    assert ended.code == WRONG_USE
    assert "write it as" in ended.err


def test_a_namespace_does_not_list_another_that_begins_alike(
    call: Call, filled: RedisStateBackend, monkeypatch: pytest.MonkeyPatch
) -> None:
    longer = f"{filled.settings.namespace}:t"
    monkeypatch.setenv("REDIS_STATE_NAMESPACE", longer)
    call("set", "job", "1", "--asset-id", "99")
    assert listed(call) == ["99"]
    monkeypatch.setenv("REDIS_STATE_NAMESPACE", filled.settings.namespace)
    assert listed(call) == ALL
    call("clear", "--asset-id", "99", "--yes", "--namespace", longer)
