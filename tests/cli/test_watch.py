"""`redis-state watch`: the state of a task as it changes."""

from __future__ import annotations

from uuid import UUID

import pytest

from redis_state import RedisStateBackend, TaskScope
from redis_state.cli.exits import INTERRUPTED, WRONG_USE
from tests.cli.conftest import RUN, SUBMIT, Call
from tests.support.commands import in_a_terminal
from tests.support.watching import watching

OF_SUBMIT = ("--dag-id", "etl", "--run-id", RUN, "--task-id", "submit")


def test_each_change_is_told_as_a_line(state: RedisStateBackend) -> None:
    state.set(SUBMIT, "job", '"j-1"')
    with watching(*OF_SUBMIT) as watch:
        first = watch.next()
        assert (first["change"], first["key"], first["value"]) == ("set", "job", "j-1")
        state.set(SUBMIT, "progress", "50")
        second = watch.next()
        assert (second["change"], second["key"], second["value"]) == ("set", "progress", 50)
        state.delete(SUBMIT, "job")
        third = watch.next()
        assert (third["change"], third["key"], third["value"]) == ("deleted", "job", None)
        code, told = watch.stop()
    assert (code, "Traceback" in told) == (INTERRUPTED, False)


def test_a_mapped_task_may_get_its_first_value_in_a_region(state: RedisStateBackend) -> None:
    with watching("--dag-id", "etl", "--run-id", RUN, "--task-id", "load", "--map-index", "3") as (
        watch
    ):
        state.set(TaskScope("etl", RUN, "load", 3, UUID(int=5)), "offset", "7")
        assert watch.next()["value"] == 7


def test_a_terminal_shows_it_until_ctrl_c(state: RedisStateBackend) -> None:
    state.set(SUBMIT, "job", '"j-1"')
    shown = in_a_terminal("watch", *OF_SUBMIT, columns=80, after='"j-1"', interrupt=True)
    assert shown.code == INTERRUPTED
    assert f"the task etl/{RUN}/submit\n" in shown.out
    assert "Traceback" not in shown.out


@pytest.mark.parametrize(
    "arguments", [("--interval", "0"), ("-o", "yaml"), ("--asset-id", "1")], ids=str
)
def test_what_makes_no_sense_is_wrong_use(call: Call, arguments: tuple[str, ...]) -> None:
    assert call("watch", *OF_SUBMIT, *arguments).code == WRONG_USE
