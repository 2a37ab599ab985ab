"""`redis-state stats`: what fills the memory."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from redis_state import AssetScope, RedisStateBackend, TaskScope
from redis_state.admin.stats import Stats
from redis_state.admin.walking import Walk, read_cursor
from redis_state.cli.exits import DONE, INTERRUPTED, WRONG_USE
from redis_state.operations.reencrypt import ScanPages
from redis_state.testing import EmbeddedServer
from tests.cli.conftest import ORDERS, RUN, SUBMIT, Call
from tests.support.commands import in_a_terminal
from tests.support.servers import raw_client

IN_AN_HOUR = timedelta(minutes=50)


@pytest.fixture
def filled(state: RedisStateBackend) -> RedisStateBackend:
    now = datetime.now(UTC)
    state.set(SUBMIT, "job", '"j-1"', expires_at=now + IN_AN_HOUR)
    for index in range(3):
        scope = TaskScope("etl", RUN, "load", index)
        state.set(scope, "rows", json.dumps("x" * 1_500), expires_at=now + timedelta(days=3))
    state.set(TaskScope("report", "manual", "send"), "sent", "true")
    state.set(ORDERS, "watermark", "1")
    state.set(AssetScope(name="sales"), "cursor", "22")
    return state


def told(call: Call, *arguments: str) -> dict[str, Any]:
    ended = call("stats", "-o", "json", *arguments)
    assert ended.code == DONE
    return dict(json.loads(ended.out))


def sums(groups: list[dict[str, Any]]) -> dict[str, tuple[int, int, int, int]]:
    names = ("values", "bytes", "pages", "permanent")
    return {each["name"]: tuple(each[name] for name in names) for each in groups}


@pytest.mark.usefixtures("filled")
def test_values_are_counted_by_dag_task_and_asset(call: Call) -> None:
    stats = told(call)
    assert stats["complete"]
    assert sums([stats["total"]]) == {"all": (7, 5 + 3 * 1_502 + 4 + 1 + 2, 7, 3)}
    assert sums(stats["dags"]) == {
        "etl": (4, 5 + 3 * 1_502, 4, 0),
        "report": (1, 4, 1, 1),
    }
    assert sums(stats["tasks"]) == {
        "etl/submit": (1, 5, 1, 0),
        "etl/load": (3, 3 * 1_502, 3, 0),
        "report/send": (1, 4, 1, 1),
    }
    assert sums(stats["assets"]) == {"id 7": (1, 1, 1, 1), "name sales": (1, 2, 1, 1)}


def test_memory_is_what_the_server_says(
    call: Call, filled: RedisStateBackend, running: EmbeddedServer
) -> None:
    with raw_client(running) as raw:
        pages = list(raw.scan_iter(match=f"{filled.settings.namespace}:*", count=1000))
        wanted = sum(raw.memory_usage(page) or 0 for page in pages)
    assert told(call)["total"]["memory"] == wanted > 3 * 1_502


@pytest.mark.usefixtures("filled")
def test_the_largest_come_first(call: Call) -> None:
    stats = told(call, "--top", "1")
    assert [each["name"] for each in stats["dags"]] == ["etl"]
    assert [each["name"] for each in stats["tasks"]] == ["etl/load"]
    (largest,) = stats["largest"]
    assert (largest["task_id"], largest["key"], largest["bytes"]) == ("load", "rows", 1_502)


def test_the_oldest_that_never_expire_are_named(call: Call, filled: RedisStateBackend) -> None:
    oldest = told(call)["oldest_permanent"]
    assert {each["key"] for each in oldest} == {"sent", "watermark", "cursor"}
    written = [each["updated_at"] for each in oldest]
    assert written == sorted(written)


@pytest.mark.usefixtures("filled")
def test_sizes_and_expiries_are_told_as_histograms(call: Call) -> None:
    stats = told(call)
    sizes = {each["bytes_below"]: each["values"] for each in stats["sizes"] if each["values"]}
    assert sizes == {64: 4, 4_096: 3}
    expiries = {each["seconds_below"]: each["values"] for each in stats["expiries"]}
    assert (expiries[3_600], expiries[7 * 86_400], stats["never"]) == (1, 3, 3)


def test_what_redis_state_did_not_write_is_counted_apart(
    call: Call, filled: RedisStateBackend, running: EmbeddedServer
) -> None:
    page = f"{filled.settings.namespace}:a:{{id:7}}"
    with raw_client(running) as raw:
        raw.hset(page, "foreign", "bytes")
        assert told(call)["unreadable"] == 1
        assert "1 value cannot be read" in call("stats").out
        raw.hdel(page, "foreign")


@pytest.mark.usefixtures("filled")
@pytest.mark.parametrize("columns", [80, 200])
def test_people_see_tables_and_bars(columns: int) -> None:
    shown = in_a_terminal("stats", columns=columns)
    assert shown.code == DONE
    assert "█" in shown.out
    assert max(map(len, shown.out.splitlines())) <= columns
    for title in ("dags", "tasks", "assets", "largest values", "oldest that never expire"):
        assert f"\n{title} " in shown.out


@pytest.mark.usefixtures("filled")
def test_plain_lines_say_of_what_they_are(call: Call) -> None:
    names, *cells = [line.split("\t") for line in call("stats", "-o", "plain").out.splitlines()]
    rows = [dict(zip(names, each, strict=True)) for each in cells]
    assert [row["of"] for row in rows] == ["total", *["dags"] * 2, *["tasks"] * 3, *["assets"] * 2]


def test_ctrl_c_keeps_what_it_has_and_says_how_to_go_on(
    call: Call, state: RedisStateBackend, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ScanPages, "COUNT", 10)
    for number in range(200):
        state.set(TaskScope("dag", "run", f"task {number}"), "key", "1")
    collect = Stats.collect

    async def stopped(stats: Stats, walk: Walk, _: object) -> None:
        def press_ctrl_c(*_: int) -> None:
            # Not once so many keys are behind: other tests' keys are on the server as well.
            if stats.total.values:
                raise KeyboardInterrupt

        await collect(stats, walk, press_ctrl_c)

    monkeypatch.setattr(Stats, "collect", stopped)
    first = call("stats", "-o", "json")
    assert first.code == INTERRUPTED
    stats = json.loads(first.out)
    assert not stats["complete"]
    assert 0 < stats["total"]["values"] < 200
    assert f"--cursor {stats['cursor']}" in first.err
    assert read_cursor(stats["cursor"])

    monkeypatch.setattr(Stats, "collect", collect)
    rest = told(call, "--cursor", stats["cursor"])
    assert rest["complete"]
    assert 200 <= stats["total"]["values"] + rest["total"]["values"] < 400


@pytest.mark.parametrize("arguments", [("--cursor", "nonsense"), ("--top", "0"), ("--top", "x")])
def test_what_makes_no_sense_is_wrong_use(call: Call, arguments: tuple[str, ...]) -> None:
    assert call("stats", *arguments).code == WRONG_USE
