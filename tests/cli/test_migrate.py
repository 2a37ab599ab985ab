"""The command `migrate` between two Redis; tests/with_airflow/operations has it beside Airflow."""

from __future__ import annotations

import json
import random
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack

import pytest
import redis

from redis_state import RedisStateBackend, TaskScope
from redis_state.admin.migration.redis_side import RedisSide
from redis_state.cli.exits import DONE, FAILED, INTERRUPTED, UNREACHABLE, WRONG_USE
from redis_state.testing import EmbeddedServer
from tests.cli.conftest import SUBMIT, Call
from tests.matrix import KILLS, ROWS
from tests.support.both_sides import contents
from tests.support.commands import in_a_terminal
from tests.support.freezing import frozen
from tests.support.servers import raw_client, server
from tests.support.waiting import wait_for
from tests.support.writing import writing

NOBODY = "redis://127.0.0.1:1"
PASSWORD = "a-password-that-is-told-to-nobody"
TO_REDIS = ("--from", "metastore", "--to", "redis")


@pytest.fixture(scope="module")
def other_server() -> Iterator[EmbeddedServer]:
    with server("valkey91") as running:
        yield running


@pytest.fixture
def other(other_server: EmbeddedServer) -> Iterator[redis.Redis]:
    with raw_client(other_server) as client:
        yield client
        client.flushall()


@pytest.fixture
def there(other_server: EmbeddedServer, other: redis.Redis) -> tuple[str, ...]:
    """Give the options that name the other server, which is empty at first, as the target."""
    return ("--from", "redis", "--to", other_server.tcp_url)


def fill(state: RedisStateBackend, count: int) -> None:
    for number in range(count):
        state.set(TaskScope("dag", f"run {number}", "task"), "key", '"value"')


def test_state_goes_to_another_server_and_to_another_namespace(
    state: RedisStateBackend, call: Call, there: tuple[str, ...], other: redis.Redis
) -> None:
    state.set(SUBMIT, "key", '"value"')
    for more, namespace in (((), state.settings.namespace), (("--to-namespace", "b"), "b")):
        ended = call("migrate", *there, *more, "-o", "json")
        assert ended.code == DONE, ended.err
        assert json.loads(ended.out)["compared"]["equal"] == 1
        (page,) = other.scan_iter(f"{namespace}:*")
        assert other.hlen(page) == 1


def test_nothing_to_copy_is_no_failure(call: Call, there: tuple[str, ...]) -> None:
    ended = call("migrate", *there)
    assert ended.code == DONE
    assert "0  values read" in ended.out


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("--from", "metastore"), "--to is missing"),
        (("--from", "metastore", "--to", "metastore"), "are the same"),
        (("--from", "redis", "--to", "redis"), "are the same"),
        (("--from", "redis", "--to", "localhost"), "or a URL such as"),
        (("--from", "redis", "--to", f"redis://:{PASSWORD}@x:1/0"), "REDIS_STATE_TO_PASSWORD"),
        (("--from", "redis", "--to", "redis://localhost:nonsense/0"), "--to: url= is wrong"),
        ((*TO_REDIS, "--diff", "--dry-run"), "--verify-only changes nothing"),
        ((*TO_REDIS, "--batch-size", "0"), "--batch-size"),
        ((*TO_REDIS, "--from-namespace", "x"), "has no namespace"),
        ((*TO_REDIS, "--to-username", "x"), "belongs to a URL"),
        ((*TO_REDIS, "--delete-source"), "add --yes"),
        (TO_REDIS, "needs Airflow 3.3 or later, which is not here"),
    ],
)
def test_wrong_use_is_told(call: Call, arguments: tuple[str, ...], told: str) -> None:
    ended = call("migrate", *arguments)
    assert (ended.code, told in ended.err) == (WRONG_USE, True), ended.err
    assert PASSWORD not in ended.err


def test_a_url_has_a_password_of_its_own(
    state: RedisStateBackend, call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    state.set(SUBMIT, "key", '"value"')
    with server("valkey91", "--requirepass", PASSWORD) as guarded:
        there = ("migrate", "--from", "redis", "--to", guarded.tcp_url)
        assert call(*there).code == WRONG_USE
        monkeypatch.setenv("REDIS_STATE_TO_PASSWORD", PASSWORD)
        ended = call(*there)
        assert ended.code == DONE
        assert PASSWORD not in ended.out + ended.err


def test_a_target_that_is_not_there_is_exit_code_3(
    call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("redis_state.admin.patience.PATIENCE", 0.0)
    monkeypatch.setenv("REDIS_STATE_BUDGET", "0.3")
    ended = call("migrate", "--from", "redis", "--to", NOBODY)
    assert (ended.code, ended.out) == (UNREACHABLE, "")
    assert "127.0.0.1:1" in ended.err


def test_a_source_that_goes_away_in_the_middle_is_told_and_it_goes_on_later(
    state: RedisStateBackend,
    call: Call,
    there: tuple[str, ...],
    running: EmbeddedServer,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    fill(state, 100)
    patient = pytest.MonkeyPatch()
    patient.setattr("redis_state.admin.patience.PATIENCE", 0.0)
    write = RedisSide.write
    away = ExitStack()
    is_frozen: list[bool] = []

    async def write_and_freeze(side: RedisSide, values: object) -> object:
        written = await write(side, values)  # type: ignore[arg-type]  # passed on
        # Others write at the same time.
        if not is_frozen:
            is_frozen.append(True)
            away.enter_context(frozen(running))
        return written

    patient.setattr(RedisSide, "write", write_and_freeze)
    with away:
        ended = call("migrate", *there, "--batch-size", "10")
    patient.undo()
    assert (ended.code, ended.out) == (UNREACHABLE, "")
    assert "run the same command again, and it goes on from there" in ended.err
    ended = call("migrate", *there, "-o", "json")
    report = json.loads(ended.out)
    assert (ended.code, report["compared"]["equal"]) == (DONE, 100)
    assert report["copied"]["there"] > 0


def test_what_is_killed_at_random_moments_while_tasks_write_is_taken_up(
    state: RedisStateBackend,
    call: Call,
    there: tuple[str, ...],
    running: EmbeddedServer,
    other: redis.Redis,
) -> None:
    pages, chosen = ROWS // 5, random.Random(15)
    scopes = [TaskScope("dag", f"run {number}", "task") for number in range(pages)]
    for scope in scopes:
        state.set_many(scope, {str(key): '"value"' for key in range(5)})
    with writing(lambda turn: state.set(scopes[turn % 10], "busy", f"{turn}")):
        for _ in range(KILLS):
            moment = chosen.randrange(pages)
            command = subprocess.Popen([sys.executable, "-m", "redis_state", "migrate", *there])
            wait_for(lambda: other.dbsize() >= moment, "so many pages")  # noqa: B023 - it is called here
            command.kill()
            command.wait()
        assert call("migrate", *there).code == DONE
    ended = call("migrate", *there, "-o", "json")
    assert (ended.code, json.loads(ended.out)["compared"]["equal"]) == (DONE, 5 * pages + 10)
    with raw_client(running) as raw:
        namespace = state.settings.namespace
        assert contents(other, namespace) == contents(raw, namespace)


def test_a_full_target_is_a_failure_that_says_so(
    state: RedisStateBackend, call: Call, there: tuple[str, ...], other: redis.Redis
) -> None:
    fill(state, 10)
    other.config_set("maxmemory", 1)
    try:
        ended = call("migrate", *there)
        assert ended.code == FAILED
        assert ended.err.startswith("redis-state: The target is full.")
        assert list(other.scan_iter()) == []
    finally:
        other.config_set("maxmemory", 0)
    assert call("migrate", *there).code == DONE


def test_somebody_is_asked_before_the_source_is_emptied(
    state: RedisStateBackend, there: tuple[str, ...]
) -> None:
    fill(state, 2)
    no = in_a_terminal(
        *("migrate", *there, "--delete-source"), columns=80, typed="n\n", after="[y/N]"
    )
    assert (no.code, "Delete at the source what is at the target: 2 values?" in no.out) == (
        DONE,
        True,
    )
    assert "Complete: all of the source is at the target." in no.out
    assert state.get(TaskScope("dag", "run 1", "task"), "key") is not None
    yes = in_a_terminal(
        *("migrate", *there, "--delete-source"), columns=80, typed="y\n", after="[y/N]"
    )
    assert (yes.code, "2  deleted at the source" in yes.out) == (DONE, True)
    assert state.get(TaskScope("dag", "run 1", "task"), "key") is None


def test_who_interrupts_it_is_told_how_to_go_on(
    state: RedisStateBackend, there: tuple[str, ...], other: redis.Redis
) -> None:
    fill(state, 2000)
    process = subprocess.Popen(
        [sys.executable, "-m", "redis_state", "migrate", *there, "--batch-size", "2"],
        stderr=subprocess.PIPE,
        text=True,
    )
    wait_for(other.dbsize, "the first value at the target")
    process.send_signal(signal.SIGINT)
    _, told = process.communicate()
    assert process.returncode == INTERRUPTED
    assert "values written. What was copied stays: run the same command again" in told
    assert "Traceback" not in told
