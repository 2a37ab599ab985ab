"""The watch for secrets: it finds one wherever a test of the suite lets it out."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import pytest

from redis_state import (
    MisconfiguredError,
    RedisStateBackend,
    StateStoreError,
    TaskScope,
    UnavailableError,
)
from redis_state.client._sync.client import SyncClient
from redis_state.config.settings import load
from tests.support.secrets import WATCH, secret

LOG = logging.getLogger("redis_state.anything")
TASK = TaskScope("d", "r", "t")
UNREACHABLE = "redis://localhost:1/0"


def caught(where: str) -> bool:
    """Tell whether a leak was found there; the test is forgiven."""
    return any(leak.startswith(f"{where}: ") for leak in WATCH.leaks())


def fail_with(error: Exception) -> None:
    with pytest.raises(type(error)):
        raise error


@pytest.mark.parametrize("level", [logging.DEBUG, logging.WARNING, logging.CRITICAL])
def test_a_secret_in_a_log_is_found(level: int) -> None:
    LOG.log(level, "logged in as %s", secret())
    assert caught("log")


def test_a_secret_in_an_error_that_is_logged_is_found() -> None:
    LOG.error("it failed", exc_info=StateStoreError(secret()))
    assert caught("log")


def test_a_secret_in_a_logger_that_does_not_propagate_is_found() -> None:
    alone = logging.getLogger("redis_state.alone")
    alone.propagate = False
    alone.addHandler(logging.NullHandler())
    alone.info(secret())
    assert caught("log")


def test_a_secret_in_an_error_that_a_test_expects_is_found() -> None:
    with pytest.raises(MisconfiguredError):
        raise MisconfiguredError(f"{secret()} is wrong")
    assert caught("error")


def test_a_secret_in_the_cause_of_an_error_is_found() -> None:
    with pytest.raises(UnavailableError):
        raise UnavailableError("down") from OSError(secret())
    assert caught("error")


def test_a_secret_in_what_an_error_happened_in_is_found() -> None:
    error = UnavailableError("down")
    error.__context__ = OSError(secret())
    fail_with(error)
    assert caught("error")


def test_what_no_traceback_shows_is_no_leak() -> None:
    error = UnavailableError("down")
    error.__context__, error.__suppress_context__ = OSError(secret()), True
    fail_with(error)
    assert not WATCH.leaks()


def test_a_secret_in_an_error_of_a_method_is_found_though_the_test_swallows_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    password = secret()

    def fail(self: SyncClient, operation: Any) -> Any:
        raise UnavailableError("down") from OSError(password)

    monkeypatch.setattr(SyncClient, "run", fail)
    try:
        RedisStateBackend(url=UNREACHABLE).get(TASK, "key")
    except StateStoreError:
        assert caught("error")


def test_a_secret_in_what_a_backend_consists_of_is_found() -> None:
    class Part:
        def __init__(self, password: str) -> None:
            self.password = password

        def __repr__(self) -> str:
            return f"Part({self.password})"

    Part.__module__ = "redis_state.anything"
    backend: Any = RedisStateBackend(url=UNREACHABLE)
    backend._client.anything = {"deep": [Part(secret())]}
    WATCH.see_living()
    assert caught("representation")


@pytest.mark.parametrize("name", ["password", "sentinel_password", "encryption_keys"])
def test_what_settings_are_given_is_secret(name: str) -> None:
    given = "gIvEn-tO-sEtTiNgS"
    with pytest.raises(MisconfiguredError):
        load(url="of no server", **{name: f"{given},other"})
    LOG.info(given)
    assert caught("log")


@pytest.mark.parametrize("url", ["redis://u:{}@host/0", "of no server://:{}@", "redis://u:a@{}@h"])
def test_the_password_of_a_url_is_secret(url: str) -> None:
    given = "gIvEn%2Fin-A-uRl"
    try:
        load(url=url.format(given))
    except MisconfiguredError:
        LOG.info("it was not read")
    for written in (given, "gIvEn/in-A-uRl"):
        LOG.info(url.format(written).partition("://")[2].rpartition("@")[0].partition(":")[2])
        assert caught("log")


def test_what_is_too_short_to_tell_is_no_secret() -> None:
    load(password="p")
    LOG.info("up")
    assert not WATCH.leaks()


LEAKS = """
    import logging, pytest
    from tests.support.secrets import secret

    def test_logs(): logging.getLogger("redis_state").warning(secret())
    def test_prints(): print(secret())
    def test_keeps_it(): secret()
"""


@pytest.mark.parametrize("workers", [(), ("-n", "2")], ids=["one process", "two"])
def test_a_test_that_lets_a_secret_out_fails(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, workers: tuple[str, ...]
) -> None:
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[2]))
    pytester.makeconftest('pytest_plugins = ["tests.support.secrets"]')
    pytester.makepyfile(LEAKS)
    done = pytester.runpytest_subprocess(*workers)
    done.assert_outcomes(passed=3, errors=2)
    done.stdout.fnmatch_lines(["*shows a secret:", "log: <the secret>"])
    done.stdout.no_fnmatch_line("log: *secret-*")
