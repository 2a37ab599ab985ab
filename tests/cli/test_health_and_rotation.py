"""The commands `health` and `rotate`, as an operator and a script use them."""

from __future__ import annotations

import base64
import io
import json
import re
import subprocess
import sys
from collections.abc import Iterator

import pytest

from redis_state import RedisStateBackend, TaskScope, __version__
from redis_state.cli import main
from redis_state.cli.exits import DONE, FAILED, INTERRUPTED, UNREACHABLE, WRONG_USE
from redis_state.testing import EmbeddedServer
from tests.support.servers import raw_client, server
from tests.support.waiting import PATIENT

PASSWORD = "a-password-that-is-told-to-nobody"
NOBODY = "redis://127.0.0.1:1"
KEYS = [base64.urlsafe_b64encode(bytes([byte] * 32)).decode() for byte in (1, 2)]


@pytest.fixture(scope="module")
def running() -> Iterator[EmbeddedServer]:
    with server("valkey91", "--appendonly", "yes") as running:
        yield running
        # It would take its time to save.
        running.kill()


@pytest.fixture
def guarded() -> Iterator[EmbeddedServer]:
    with server("valkey91", "--requirepass", PASSWORD) as running:
        yield running


def test_a_server_that_is_well_is_exit_code_0(
    running: EmbeddedServer, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["health", "--url", running.tcp_url]) == DONE
    shown = capsys.readouterr()
    assert shown.out.startswith("redis-state: ok\n127.0.0.1:")
    assert shown.err == ""


def test_a_warning_is_exit_code_0_as_well(capsys: pytest.CaptureFixture[str]) -> None:
    with server("valkey91") as forgetful:
        assert main(["health", "--url", forgetful.tcp_url]) == DONE
    assert "-> CONFIG SET appendonly yes" in capsys.readouterr().out


def test_a_server_that_is_not_there_is_exit_code_3(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["health", "--url", NOBODY]) == UNREACHABLE
    assert capsys.readouterr().out.startswith("redis-state: failure\n")


@pytest.mark.parametrize(
    "wrong",
    [
        ["--url", "http://somewhere"],
        ["--url", "redis://somewhere/x"],
        ["--namespace", "no spaces"],
    ],
)
def test_a_wrong_option_is_exit_code_2(
    wrong: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["health", *wrong]) == WRONG_USE
    shown = capsys.readouterr()
    assert shown.out == ""
    assert "wrong" in shown.err


@pytest.mark.parametrize("wrong", [[], ["no-command"], ["health", "--no-option"]])
def test_a_command_that_is_not_there_is_exit_code_2(
    wrong: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(wrong)
    assert ended.value.code == WRONG_USE
    assert "Usage: redis-state" in capsys.readouterr().err


def test_json_is_all_that_is_written(
    running: EmbeddedServer, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["health", "-o", "json", "--url", running.tcp_url]) == DONE
    told = json.loads(capsys.readouterr().out)
    assert told["verdict"] == "ok"
    assert {"name", "subject", "verdict", "found", "remedy"} == set(told["findings"][0])


@pytest.mark.parametrize("url", [f"redis://:{PASSWORD}@h", f"redis+cluster://u:{PASSWORD}@a,b"])
def test_a_password_on_the_command_line_is_refused_and_not_repeated(
    url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["health", "--url", url]) == WRONG_USE
    shown = capsys.readouterr()
    assert "REDIS_STATE_PASSWORD" in shown.err
    assert PASSWORD not in shown.out + shown.err


def test_the_password_comes_from_the_environment(
    guarded: EmbeddedServer,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert main(["health", "--url", guarded.tcp_url]) == FAILED
    monkeypatch.setenv("REDIS_STATE_PASSWORD", PASSWORD)
    assert main(["health", "--url", guarded.tcp_url]) == DONE
    shown = capsys.readouterr()
    assert PASSWORD not in shown.out + shown.err


def test_the_settings_are_those_of_the_backend(
    running: EmbeddedServer,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("REDIS_STATE_URL", running.tcp_url)
    assert main(["health"]) == DONE
    assert f"127.0.0.1:{running.port}" in capsys.readouterr().out


def test_a_url_goes_before_a_connection_that_is_configured(
    running: EmbeddedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REDIS_STATE_REDIS_CONN_ID", "elsewhere")
    assert main(["health", "--url", running.tcp_url]) == DONE


def test_a_worker_is_looked_for_with_its_own_rights(
    running: EmbeddedServer,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rules = ("on", f">{PASSWORD}", "~airflow:tw:*", "~airflow:aw:*", "+@all")
    arguments = ["health", "--url", running.tcp_url, "--username", "worker"]
    with raw_client(running) as raw:
        raw.execute_command("ACL", "SETUSER", "worker", *rules)
    monkeypatch.setenv("REDIS_STATE_PASSWORD", PASSWORD)
    assert main(arguments) == FAILED
    assert "the user worker lacks ~airflow:t:* ~airflow:a:*" in capsys.readouterr().out
    assert main([*arguments, "--worker"]) == DONE


@pytest.fixture
def values(running: EmbeddedServer, monkeypatch: pytest.MonkeyPatch) -> Iterator[RedisStateBackend]:
    """Keep 25 plain values where a key is configured now."""
    plain = RedisStateBackend(url=running.tcp_url, namespace="rotated", **PATIENT)
    monkeypatch.setenv("REDIS_STATE_URL", running.tcp_url)
    monkeypatch.setenv("REDIS_STATE_NAMESPACE", "rotated")
    monkeypatch.setenv("REDIS_STATE_ENCRYPTION", "own")
    monkeypatch.setenv("REDIS_STATE_ENCRYPTION_KEYS", KEYS[0])
    for number in range(25):
        plain.set(TaskScope("dag", "run", f"task {number}"), "key", "1")
    yield plain
    for number in range(25):
        plain.clear(TaskScope("dag", "run", f"task {number}"))
    plain.close()


@pytest.mark.usefixtures("values")
def test_rotation_encrypts_all_values_and_says_so(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("redis_state.cli.progress._QUIET", 0.0)
    assert main(["rotate", "--dry-run"]) == FAILED
    assert "25  plain" in capsys.readouterr().out
    assert main(["rotate"]) == DONE
    shown = capsys.readouterr()
    assert "25  encrypted with it now" in shown.out
    assert shown.out.endswith("Complete: no value needs an older key any more.\n")
    assert re.search(r"[0-9]+ of [0-9]+ keys, [0-9,]+ a second\n$", shown.err)
    assert main(["rotate", "--dry-run"]) == DONE


@pytest.mark.usefixtures("values")
def test_rotation_shows_a_bar_to_whoever_looks_on(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = io.StringIO()
    terminal.isatty = lambda: True  # type: ignore[method-assign]
    monkeypatch.setattr(sys, "stderr", terminal)
    assert main(["rotate"]) == DONE
    assert "25/25" in terminal.getvalue()


@pytest.mark.usefixtures("values")
def test_a_rotation_that_is_stopped_says_so_and_can_be_run_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def press_ctrl_c() -> None:
        raise KeyboardInterrupt

    terminal = io.StringIO()
    terminal.flush = press_ctrl_c  # type: ignore[method-assign]
    with monkeypatch.context() as patch:
        patch.setattr(sys, "stderr", terminal)
        patch.setattr("redis_state.cli.progress._QUIET", 0.0)
        assert main(["rotate"]) == INTERRUPTED
    assert terminal.getvalue().endswith("redis-state: stopped; what was done stays done\n")
    assert main(["rotate"]) == DONE


@pytest.mark.usefixtures("values")
def test_the_report_of_a_rotation_is_json_where_it_is_asked_for(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["rotate", "--dry-run", "-o", "json"]) == FAILED
    told = json.loads(capsys.readouterr().out)
    assert (told["complete"], told["dry_run"], told["plain_left"]) == (False, True, 25)
    assert main(["rotate", "-o", "json"]) == DONE
    told = json.loads(capsys.readouterr().out)
    assert (told["complete"], told["dry_run"]) == (True, False)
    assert (told["seen"], told["reencrypted"]) == (25, 25)


def test_values_that_cannot_be_read_are_listed(
    values: RedisStateBackend,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert main(["rotate"]) == DONE
    monkeypatch.setenv("REDIS_STATE_ENCRYPTION_KEYS", KEYS[1])
    assert main(["rotate"]) == FAILED
    shown = capsys.readouterr()
    assert "25  unreadable" in shown.out
    assert "dag/run/task 7" in shown.out
    assert shown.out.endswith("Not complete: keep the older keys, and run it again.\n")
    assert not [key for key in KEYS if key in shown.out + shown.err]


@pytest.mark.usefixtures("values")
def test_a_rotation_without_a_key_says_why(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REDIS_STATE_ENCRYPTION", "off")
    assert main(["rotate"]) == WRONG_USE
    assert "encryption" in capsys.readouterr().err


def test_a_rotation_that_is_refused_says_why(
    guarded: EmbeddedServer, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REDIS_STATE_ENCRYPTION", "own")
    monkeypatch.setenv("REDIS_STATE_ENCRYPTION_KEYS", KEYS[0])
    assert main(["rotate", "--url", guarded.tcp_url]) == WRONG_USE
    assert "password" in capsys.readouterr().err


def test_the_module_is_the_command(running: EmbeddedServer) -> None:
    for arguments, code, start in (
        (["--version"], DONE, f"redis-state {__version__}"),
        (["health", "--url", running.tcp_url], DONE, "redis-state: ok"),
        (["health", "--url", NOBODY], UNREACHABLE, "redis-state: failure"),
    ):
        ran = subprocess.run(
            [sys.executable, "-m", "redis_state", *arguments],
            capture_output=True,
            text=True,
            check=False,
        )
        assert ran.returncode == code, ran.stderr
        assert ran.stdout.startswith(start)
