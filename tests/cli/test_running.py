"""How commands end, and where their options come from."""

from __future__ import annotations

import json
import subprocess
import sys
from contextlib import closing

import pytest
import yaml

from redis_state import AssetScope, RedisStateBackend, TaskScope
from redis_state.cli.catalog import COMMANDS
from redis_state.cli.exits import (
    CLOSED_PIPE,
    DONE,
    INTERRUPTED,
    NOTHING_FOUND,
    UNREACHABLE,
    WRONG_USE,
)
from redis_state.cli.parsing import variable_of
from tests.cli.conftest import ORDERS, Call
from tests.support.both_sides import contents
from tests.support.clusters import Cluster
from tests.support.commands import in_a_process, in_a_terminal
from tests.support.servers import server
from tests.support.topologies import Deployments, raw_client
from tests.support.waiting import PATIENT

COMMAND = [sys.executable, "-m", "redis_state"]
NOBODY = "redis://127.0.0.1:1"
# So that each master of a cluster has some.
MANY = 30


def test_help_leads_to_the_state_of_a_task(call: Call) -> None:
    shown = call("--help")
    assert shown.code == DONE
    assert "redis-state ls --dag-id DAG" in shown.out
    assert "redis-state get --dag-id DAG --run-id RUN --task-id TASK" in shown.out
    for command in COMMANDS:
        assert f" {command.name}" in shown.out


@pytest.mark.parametrize("name", ["list", "doctor"])
def test_a_command_may_have_a_second_name(call: Call, name: str) -> None:
    assert call(name).code in {DONE, NOTHING_FOUND}


@pytest.mark.parametrize(
    "arguments",
    [
        ("ls",),
        ("get", "--asset-id", "1"),
        ("set", "key", "1", "--asset-id", "1"),
        ("delete", "key", "--asset-id", "1"),
        ("clear", "--asset-id", "1", "--yes"),
        ("export",),
    ],
)
def test_a_server_that_is_not_there_is_exit_code_3(
    call: Call, arguments: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("redis_state.admin.patience.PATIENCE", 0.0)
    monkeypatch.setenv("REDIS_STATE_BUDGET", "0.3")
    ended = call(*arguments, "--url", NOBODY)
    assert (ended.code, ended.out.strip("[]\n ")) == (UNREACHABLE, "")
    assert "127.0.0.1:1" in ended.err
    assert len(ended.err.splitlines()) == 1


def test_each_option_has_a_variable(call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    for command in COMMANDS:
        options = [option for option in command.options if option.flags[0].startswith("-")]
        assert all(variable_of(option).startswith("REDIS_STATE_") for option in options)
    monkeypatch.setenv("REDIS_STATE_CLI_ASSET_ID", "7")
    monkeypatch.setenv("REDIS_STATE_CLI_OUTPUT", "json")
    call("set", "key", "5")
    assert json.loads(call("get", "key").out)["value"] == 5
    monkeypatch.setenv("REDIS_STATE_CLI_YES", "true")
    assert call("clear").code == DONE


def test_an_option_goes_before_its_variable(call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REDIS_STATE_CLI_OUTPUT", "json")
    call("set", "key", "5", "--asset-id", "7")
    assert call("ls", "-o", "plain").out.startswith("kind\t")


@pytest.mark.parametrize(
    ("name", "text"), [("OUTPUT", "xml"), ("ASSET_ID", "seven"), ("VERBOSE", "perhaps")]
)
def test_a_wrong_variable_is_named(
    call: Call, monkeypatch: pytest.MonkeyPatch, name: str, text: str
) -> None:
    monkeypatch.setenv(f"REDIS_STATE_CLI_{name}", text)
    ended = call("get", "key")
    assert ended.code == WRONG_USE
    assert f"REDIS_STATE_CLI_{name}" in ended.err


def test_the_formats_say_the_same(call: Call, state: RedisStateBackend) -> None:
    for number in range(3):
        state.set(TaskScope("dag", "run", f"task\t{number}"), "key", "1")
    rows = json.loads(call("ls", "-o", "json").out)
    lines = call("ls", "-o", "jsonl").out.splitlines()
    assert [json.loads(line) for line in lines] == rows
    assert yaml.safe_load(call("ls", "-o", "yaml").out) == rows
    names, *cells = [line.split("\t") for line in call("ls", "-o", "plain").out.splitlines()]
    assert [dict(zip(names, each, strict=True))["task_id"] for each in cells] == [
        row["task_id"].replace("\t", "\\t") for row in rows
    ]


@pytest.mark.parametrize(("output", "empty"), [("json", []), ("yaml", [])])
def test_nothing_is_a_valid_result(call: Call, output: str, empty: list[object]) -> None:
    assert yaml.safe_load(call("ls", "-o", output).out) == empty


def test_a_pipe_that_is_closed_is_no_error(state: RedisStateBackend) -> None:
    for number in range(3_000):
        state.set(TaskScope("dag", "run", f"task {number}"), "key", "1")
    command = subprocess.Popen(
        [*COMMAND, "ls", "-o", "jsonl"], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert command.stdout is not None
    assert command.stderr is not None
    assert command.stdout.readline()
    command.stdout.close()
    assert command.stderr.read() == b""
    command.stderr.close()
    assert command.wait() == CLOSED_PIPE


def test_ctrl_c_shows_no_traceback(state: RedisStateBackend) -> None:
    state.set(ORDERS, "key", "1")
    ended = in_a_terminal("clear", "--asset-id", "7", columns=80, after="[y/N]", interrupt=True)
    assert ended.code == INTERRUPTED
    assert "stopped; what was done stays done" in ended.out
    assert "Traceback" not in ended.out
    assert state.get(ORDERS, "key") == "1"


@pytest.mark.parametrize("kind", ["valkey91-sentinel", "valkey91-cluster"])
def test_the_commands_work_with_each_topology(
    servers: Deployments, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    deployment, namespace, copy = servers[kind], f"cli-{kind}", f"copy-{kind}"
    monkeypatch.setenv("REDIS_STATE_URL", deployment.url)
    monkeypatch.setenv("REDIS_STATE_NAMESPACE", namespace)
    backend = RedisStateBackend(url=deployment.url, namespace=namespace, **PATIENT)
    for number in range(MANY - 1):
        backend.set(AssetScope(asset_id=number), "key", str(number))
    backend.close()
    assert in_a_process("set", "key", "1", "--asset-id", str(MANY - 1)).code == DONE
    exported = in_a_process("export").out
    imported = in_a_process("import", "-", "-o", "json", "--namespace", copy, stdin=exported)
    assert (imported.code, json.loads(imported.out)["written"]) == (DONE, MANY), imported.err
    masters = deployment.masters if isinstance(deployment, Cluster) else [deployment.master]
    assert all(master.ask("KEYS", f"{copy}:*") for master in masters)
    stats = json.loads(in_a_process("stats", "-o", "json", "--namespace", copy).out)
    assert (stats["complete"], stats["total"]["values"]) == (True, MANY)
    rows = json.loads(in_a_process("ls", "-o", "json", "--namespace", copy).out)
    assert [row["asset_id"] for row in rows] == list(range(MANY))
    with closing(raw_client(deployment)) as raw:
        assert contents(raw, copy) == contents(raw, namespace)
        assert in_a_process("clear", "--asset-id", "0", "--yes").code == DONE
        assert len(contents(raw, namespace)) == MANY - 1
        for page in (*raw.scan_iter(f"{copy}:*"), *raw.scan_iter(f"{namespace}:*")):
            raw.delete(page)
    assert in_a_process("ls").code == NOTHING_FOUND


def test_what_goes_wrong_shows_no_secret(call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    password = "a-password-that-is-told-to-nobody"
    with server("valkey91", "--requirepass", "another") as guarded:
        monkeypatch.setenv("REDIS_STATE_PASSWORD", password)
        ended = call("get", "--asset-id", "7", "-v", "--url", guarded.tcp_url)
    assert ended.code == WRONG_USE
    assert password not in ended.out + ended.err
