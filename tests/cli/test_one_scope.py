"""The commands about one task or asset: get, set, update, delete, clear."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from redis_state import RedisStateBackend, RedisWorkerBackend, TaskScope
from redis_state.airflow.run_identity import KnownRun
from redis_state.cli.exits import DONE, NOTHING_FOUND, WRONG_USE
from redis_state.format import references
from redis_state.testing import EmbeddedServer
from tests.cli.conftest import ORDERS, RUN, SUBMIT, Call
from tests.support.commands import in_a_process, in_a_terminal
from tests.support.servers import raw_client
from tests.support.waiting import wait_until

OF_SUBMIT = ("--dag-id", "etl", "--run-id", RUN, "--task-id", "submit")
OF_ORDERS = ("--asset-id", "7")
OF_LOAD = ("--dag-id", "etl", "--run-id", RUN, "--task-id", "load")


def test_one_value_is_written_as_it_is(call: Call, state: RedisStateBackend) -> None:
    state.set(SUBMIT, "job", '{"id":  1}')
    shown = call("get", "job", *OF_SUBMIT)
    assert (shown.code, shown.out) == (DONE, '{"id":  1}\n')


def test_all_values_of_a_task_are_shown(call: Call, state: RedisStateBackend) -> None:
    state.set(SUBMIT, "job", '"j-1"', expires_at=datetime.now(UTC) + timedelta(days=2))
    state.set(SUBMIT, "attempt", "3")
    shown = call("get", *OF_SUBMIT)
    assert shown.code == DONE
    rows = [line.split() for line in shown.out.splitlines()]
    assert rows[0] == ["key", "value", "written", "expires"]
    assert rows[2][:2] == ["attempt", "3"]
    assert rows[2][-1] == "never"
    assert rows[3][:2] == ["job", '"j-1"']


def test_a_long_value_is_abridged_in_a_table_alone(call: Call, state: RedisStateBackend) -> None:
    value = json.dumps("a" * 400_000)
    state.set(SUBMIT, "long", value)
    shown = call("get", *OF_SUBMIT).out
    assert "(400 kB: -o json shows all of it)" in " ".join(shown.split())
    assert shown.count("a") < 3_000
    (told,) = json.loads(call("get", *OF_SUBMIT, "-o", "json").out)
    assert json.dumps(told["value"]) == value
    assert call("get", "long", *OF_SUBMIT).out == f"{value}\n"


def test_a_value_has_its_times_for_programs(call: Call, state: RedisStateBackend) -> None:
    ends = datetime(2100, 1, 2, 3, 4, 5, 678901, tzinfo=UTC)
    state.set(SUBMIT, "job", '{"id": 1}', expires_at=ends)
    told = json.loads(call("get", "job", *OF_SUBMIT, "-o", "json").out)
    assert told["value"] == {"id": 1}
    assert told["expires_at"] == "2100-01-02T03:04:05.678901Z"
    assert datetime.fromisoformat(told["updated_at"]) <= datetime.now(UTC)


@pytest.mark.parametrize("key", [("job",), ()])
def test_what_is_not_there_is_exit_code_4(call: Call, key: tuple[str, ...]) -> None:
    shown = call("get", *key, *OF_SUBMIT)
    assert (shown.code, shown.out) == (NOTHING_FOUND, "")
    assert "the task etl/" in shown.err


def test_a_value_that_is_set_is_read_by_the_task(call: Call, state: RedisStateBackend) -> None:
    assert call("set", "job", '{"id": 1}', *OF_SUBMIT, "--retention", "2d").code == DONE
    entry = state.entries(SUBMIT)["job"]
    assert entry.value == '{"id": 1}'
    assert entry.expires_at is not None
    assert entry.expires_at - entry.updated_at > timedelta(days=2, seconds=-5)


def test_a_value_can_be_kept_for_ever(call: Call, state: RedisStateBackend) -> None:
    call("set", "job", "1", *OF_SUBMIT, "--never-expire")
    assert state.entries(SUBMIT)["job"].expires_at is None


def test_what_an_asset_is_given_counts_as_set_by_hand(call: Call, state: RedisStateBackend) -> None:
    call("set", "watermark", '"2026-11-29"', *OF_ORDERS)
    assert state.entries(ORDERS)["watermark"].set_by_api


def test_a_value_comes_from_a_pipe(state: RedisStateBackend) -> None:
    ran = in_a_process("set", "job", "-", *OF_SUBMIT, "--never-expire", stdin='{"id": 1}\n')
    assert (ran.code, ran.err) == (DONE, "")
    assert state.get(SUBMIT, "job") == '{"id": 1}'


def test_a_text_needs_no_quotes_where_that_is_said(call: Call, state: RedisStateBackend) -> None:
    call("set", "job", "j-1", *OF_SUBMIT, "--never-expire", "--text")
    assert state.get(SUBMIT, "job") == '"j-1"'


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("set", "job", "j-1", *OF_SUBMIT, "--never-expire"), "no JSON"),
        (("set", "job", "NaN", *OF_SUBMIT, "--never-expire"), "no JSON"),
        (("set", "job", "null", *OF_SUBMIT, "--never-expire"), "delete the key"),
        (("set", "job", "1", *OF_SUBMIT, "--retention", "soon"), "no duration"),
        (("set", "job", "1", *OF_SUBMIT), "--retention 2d or --never-expire"),
        (("set", "job", "1", *OF_SUBMIT, "--retention", "1d", "--never-expire"), "exclude"),
        (("set", "job", "1", *OF_ORDERS, "--retention", "1d"), "does not expire"),
        (("get",), "No task and no asset is named"),
        (("get", "--dag-id", "etl"), "--run-id and --task-id missing"),
        (("get", *OF_SUBMIT, *OF_ORDERS), "more than one"),
        (("get", *OF_ORDERS, "--asset-name", "orders"), "more than one"),
        (("get", *OF_ORDERS, "--map-index", "1"), "an asset has none"),
        (("get", *OF_SUBMIT, "--map-index", "-2"), "map_index"),
        (("clear", *OF_ORDERS, "--all-map-indices"), "an asset has none"),
        (("clear", *OF_LOAD, "--all-map-indices", "--map-index", "1"), "exclude"),
    ],
)
def test_wrong_use_is_exit_code_2_and_says_what_to_do(
    call: Call, arguments: tuple[str, ...], says: str
) -> None:
    ended = call(*arguments)
    assert (ended.code, ended.out) == (WRONG_USE, "")
    assert says in ended.err
    assert len(ended.err.splitlines()) == 1


def test_an_update_keeps_the_expiry_and_the_run(call: Call, state: RedisStateBackend) -> None:
    run = KnownRun.of_incarnation(SUBMIT, 42)
    ends = datetime.now(UTC) + timedelta(days=2)
    state.set(SUBMIT, "job", "1", expires_at=ends, session=run)
    assert call("update", "job", "2", *OF_SUBMIT).code == DONE
    assert state.get(SUBMIT, "job", session=run) == "2"
    assert state.get(SUBMIT, "job", session=KnownRun.of_incarnation(SUBMIT, 43)) is None
    assert state.entries(SUBMIT)["job"].expires_at == ends


def test_an_update_of_an_asset_keeps_it(call: Call, state: RedisStateBackend) -> None:
    state.set(ORDERS, "watermark", "1")
    assert call("update", "watermark", "2", *OF_ORDERS).code == DONE
    assert state.get(ORDERS, "watermark") == "2"


def test_what_is_not_there_is_not_updated(call: Call, state: RedisStateBackend) -> None:
    assert call("update", "job", "2", *OF_SUBMIT).code == NOTHING_FOUND
    assert state.entries(SUBMIT) == {}


def test_a_value_is_set_for_the_run_of_its_neighbours(call: Call, state: RedisStateBackend) -> None:
    run = KnownRun.of_incarnation(SUBMIT, 42)
    state.set(SUBMIT, "job", "1", session=run)
    call("set", "attempt", "2", *OF_SUBMIT, "--never-expire")
    assert state.get(SUBMIT, "attempt", session=run) == "2"
    assert state.get(SUBMIT, "attempt", session=KnownRun.of_incarnation(SUBMIT, 43)) is None


def test_a_value_of_an_earlier_run_is_told_as_one(call: Call, state: RedisStateBackend) -> None:
    state.set(SUBMIT, "earlier", "1", session=KnownRun.of_incarnation(SUBMIT, 42))
    written_at = state.entries(SUBMIT)["earlier"].updated_at
    wait_until(lambda: datetime.now(UTC) - written_at > timedelta(milliseconds=1), "it is later")
    state.set(SUBMIT, "present", "2", session=KnownRun.of_incarnation(SUBMIT, 43))
    rows = [json.loads(line) for line in call("get", *OF_SUBMIT, "-o", "jsonl").out.splitlines()]
    assert {row["key"]: row["earlier_run"] for row in rows} == {"earlier": True, "present": False}
    assert "1 (of an earlier run)" in call("get", *OF_SUBMIT).out


def test_a_value_is_deleted(call: Call, state: RedisStateBackend) -> None:
    state.set_many(SUBMIT, {"job": "1", "attempt": "2"})
    told = call("delete", "job", *OF_SUBMIT, "--dry-run")
    assert (told.code, "would delete 'job'" in told.err) == (DONE, True)
    assert state.get(SUBMIT, "job") == "1"
    assert call("delete", "job", *OF_SUBMIT).code == DONE
    assert set(state.entries(SUBMIT)) == {"attempt"}
    assert call("delete", "job", *OF_SUBMIT).code == NOTHING_FOUND


def test_clear_says_how_much_it_will_delete(call: Call, state: RedisStateBackend) -> None:
    state.set_many(SUBMIT, {"job": "1", "attempt": "22"})
    told = call("clear", *OF_SUBMIT, "--dry-run")
    assert "would delete 2 values (3 B) of the task etl/" in told.err
    assert call("clear", *OF_SUBMIT, "--yes").code == DONE
    assert state.entries(SUBMIT) == {}
    assert call("clear", *OF_SUBMIT, "--yes").code == NOTHING_FOUND


def test_clear_leaves_other_map_indices_unless_told(call: Call, state: RedisStateBackend) -> None:
    scopes = [TaskScope("etl", RUN, "load", index) for index in (-1, 0, 1, 129)]
    for scope in scopes:
        state.set(scope, "offset", "1")
    call("clear", *OF_LOAD, "--map-index", "1", "--yes")
    assert [bool(state.entries(scope)) for scope in scopes] == [True, True, False, True]
    call("clear", *OF_LOAD, "--all-map-indices", "--yes")
    assert not any(state.entries(scope) for scope in scopes)


def test_without_anybody_to_ask_nothing_is_cleared(state: RedisStateBackend) -> None:
    state.set(SUBMIT, "job", "1")
    ran = in_a_process("clear", *OF_SUBMIT, stdin="y\n")
    assert (ran.code, "--yes" in ran.err) == (WRONG_USE, True)
    assert state.get(SUBMIT, "job") == "1"


@pytest.mark.parametrize(("typed", "is_left"), [("n\n", True), ("\n", True), ("y\n", False)])
def test_clear_asks_in_a_terminal(state: RedisStateBackend, typed: str, is_left: bool) -> None:
    state.set(SUBMIT, "job", "1")
    shown = in_a_terminal("clear", *OF_SUBMIT, columns=200, after="[y/N]", typed=typed)
    assert "Delete 1 value (1 B) of the task etl/" in shown.out
    assert bool(state.entries(SUBMIT)) is is_left


def test_a_mapped_task_of_the_next_airflow_is_found_in_its_region(
    call: Call, state: RedisStateBackend
) -> None:
    region = UUID(int=5)
    inside = TaskScope("etl", RUN, "load", 3, region)
    state.set(inside, "offset", "1")
    state.set(TaskScope("etl", RUN, "load", 4, region), "offset", "2")
    assert call("get", "offset", *OF_LOAD, "--map-index", "3").out == "1\n"
    assert call("set", "offset", "5", *OF_LOAD, "--map-index", "3", "--never-expire").code == DONE
    assert state.get(inside, "offset") == "5"
    call("clear", *OF_LOAD, "--all-map-indices", "--yes")
    assert state.entries(inside) == {}


def test_an_instance_in_two_regions_is_not_guessed(call: Call, state: RedisStateBackend) -> None:
    for number in (5, 6):
        state.set(TaskScope("etl", RUN, "load", 3, UUID(int=number)), "offset", "1")
    ended = call("get", *OF_LOAD, "--map-index", "3")
    assert ended.code == WRONG_USE
    assert str(UUID(int=6)) in ended.err


def test_a_reference_shows_its_worker_value(call: Call, state: RedisStateBackend) -> None:
    worker = RedisWorkerBackend(
        url=state.settings.url.get_secret_value(), namespace=state.settings.namespace
    )
    reference = worker.serialize_task_state_store_to_ref(
        value={"rows": "x" * 500}, key="big", scope=SUBMIT
    )
    worker.close()
    document = json.dumps({"__airflow_state_ref__": reference})
    assert references.resolve_document(document) is not None
    state.set(SUBMIT, "big", document)
    assert call("get", "big", *OF_SUBMIT).out == document + "\n"
    assert json.loads(call("get", "big", *OF_SUBMIT, "--resolve").out) == {"rows": "x" * 500}


def test_what_a_task_wrote_does_nothing_to_a_terminal(state: RedisStateBackend) -> None:
    hostile = "\x1b]0;owned\x07\x9b2J\u202e"
    state.set(SUBMIT, f"key{hostile}", json.dumps(hostile, ensure_ascii=False))
    for arguments in (OF_SUBMIT, (f"key{hostile}", *OF_SUBMIT)):
        shown = in_a_terminal("get", *arguments, columns=200)
        assert shown.code == DONE
        assert not [each for each in "\x07\x9b\u202e" if each in shown.out]
        assert "\x1b]" not in shown.out


def test_values_that_cannot_be_read_hide_no_others(
    call: Call, state: RedisStateBackend, running: EmbeddedServer
) -> None:
    state.set(ORDERS, "good", "1")
    page = f"{state.settings.namespace}:a:{{id:7}}"
    with raw_client(running) as raw:
        raw.hset(page, "bad", "bytes")
        shown = call("get", *OF_ORDERS)
        raw.hdel(page, "bad")
    assert shown.code == DONE
    assert "unreadable: " in shown.out
    assert "good" in shown.out
