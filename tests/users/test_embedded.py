"""Who reaches an embedded server, and that it ends with the process that started it."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import IO

import pytest
import redis

from redis_state import MisconfiguredError, RedisStateBackend, TaskScope
from redis_state.testing import EmbeddedServer
from tests.support.waiting import PATIENT, wait_until

TASK = TaskScope("dag", "run", "task")
OWNER = """
import os, sys
from redis_state.testing import EmbeddedServer

server = EmbeddedServer()
server.start()
{then}
print(server.pid, server.socket_path, flush=True)
sys.stdin.read()
"""
# A forked child that lives on holds all that its parent held.
FORKS = """
if os.fork() == 0:
    # Whoever reads what the owner says waits for no other.
    os.close(1)
    os.read(0, 1)
    os._exit(0)
"""
CRASHES = "server.kill()\nserver.start()"
FREEZES = "server.pause()"


def starts(then: str = "") -> tuple[subprocess.Popen[str], int, Path]:
    """Start a process that starts a server."""
    owner = subprocess.Popen(
        [sys.executable, "-c", OWNER.format(then=then)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    said: IO[str] | None = owner.stdout
    assert said is not None
    pid, path = said.readline().split()
    return owner, int(pid), Path(path)


def lives(pid: int) -> bool:
    command = ["ps", "-o", "stat=", "-p", str(pid)]
    state = subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()
    # A zombie is gone; whoever should ask how it ended is.
    return bool(state) and not state.startswith("Z")


def command_line(pid: int) -> str:
    return subprocess.check_output(["ps", "-ww", "-o", "args=", "-p", str(pid)], text=True)


@pytest.mark.parametrize(
    "then", ["", CRASHES, FREEZES, FORKS], ids=["runs", "crashed before", "frozen", "forked"]
)
def test_it_ends_with_its_owner_however_that_ends(then: str) -> None:
    owner, pid, path = starts(then)
    with owner:
        assert lives(pid)
        owner.kill()
        wait_until(lambda: not lives(pid), "the server is gone")
        wait_until(lambda: not path.parent.exists(), "its folder is gone")


def test_a_crash_and_then_the_end_of_its_owner_leaves_nothing() -> None:
    owner, pid, path = starts()
    with owner:
        os.kill(pid, signal.SIGKILL)
        owner.kill()
        wait_until(lambda: not path.parent.exists(), "its folder is gone")


def test_a_program_that_ends_without_stopping_it_leaves_nothing() -> None:
    owner, pid, path = starts()
    owner.communicate()
    assert owner.returncode == 0
    wait_until(lambda: not lives(pid), "the server is gone")
    wait_until(lambda: not path.parent.exists(), "its folder is gone")


def in_a_fork(action: Callable[[], object]) -> int:
    """Do something in a forked child, and return how that ended."""
    child = os.fork()
    if child == 0:
        # Nothing that the tests have opened is the child's to close.
        failed = True
        try:
            action()
            failed = False
        finally:
            os._exit(failed)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


@pytest.mark.parametrize("end", [EmbeddedServer.stop, EmbeddedServer.kill])
def test_a_fork_that_would_end_it_takes_nothing_away(end: Callable[[EmbeddedServer], None]) -> None:
    with EmbeddedServer() as server:
        backend = RedisStateBackend(url=server.url, **PATIENT)
        backend.set(TASK, "key", "1")
        assert in_a_fork(lambda: end(server)) == 0
        backend.close()
        assert backend.get(TASK, "key") == "1"
        backend.close()
        path = server.socket_path
    assert not path.exists()


def test_a_fork_may_have_a_server_of_its_own() -> None:
    def use() -> None:
        with server:
            backend = RedisStateBackend(url=server.url, **PATIENT)
            backend.set(TASK, "key", "1")
            assert backend.get(TASK, "key") == "1"

    server = EmbeddedServer()
    assert in_a_fork(use) == 0
    with server:
        server.kill()
        assert in_a_fork(use) == 0
        server.start()


def test_it_has_no_tcp_port_by_default() -> None:
    with EmbeddedServer() as server:
        with redis.Redis.from_url(server.url, protocol=2) as client:
            assert client.config_get("port") == {"port": "0"}
        assert server.socket_path.stat().st_mode & 0o777 == 0o700
        with pytest.raises(MisconfiguredError, match="tcp=True"):
            _ = server.tcp_url


def test_with_a_tcp_port_it_has_a_password_that_stands_nowhere() -> None:
    with EmbeddedServer(tcp=True) as server:
        assert len(server.password) > 30
        for stranger in (
            redis.Redis(port=server.port, protocol=2),
            redis.Redis(unix_socket_path=str(server.socket_path), protocol=2),
        ):
            with stranger, pytest.raises(redis.AuthenticationError):
                stranger.ping()
        for url in (server.url, server.tcp_url):
            with redis.Redis.from_url(url, protocol=2) as client:
                assert client.ping()
            backend = RedisStateBackend(url=url, **PATIENT)
            backend.set(TASK, "key", "1")
            assert backend.get(TASK, "key") == "1"
            backend.close()
        assert server.password not in repr(server) + server.log() + command_line(server.pid)
        (file,) = server.socket_path.parent.glob("*.conf")
        assert file.stat().st_mode & 0o777 == 0o600


def test_after_a_crash_its_urls_and_its_password_are_the_same() -> None:
    with EmbeddedServer(tcp=True) as server:
        before = server.url, server.tcp_url
        server.kill()
        server.start()
        assert (server.url, server.tcp_url) == before
        with redis.Redis.from_url(server.tcp_url, protocol=2) as client:
            assert client.ping()


def test_each_has_a_password_of_its_own() -> None:
    assert EmbeddedServer(tcp=True).password != EmbeddedServer(tcp=True).password


def test_the_tcp_port_is_of_this_machine_only() -> None:
    with EmbeddedServer(tcp=True) as server, redis.Redis.from_url(server.url) as client:
        assert client.config_get("bind") == {"bind": "127.0.0.1"}
        with socket.create_connection(("127.0.0.1", server.port), timeout=10.0) as stranger:
            stranger.sendall(b"GET key\r\n")
            assert stranger.recv(100).startswith(b"-NOAUTH")
