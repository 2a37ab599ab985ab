"""The servers of the suite, started when first asked for, one of each in every test process."""

from __future__ import annotations

import os
import shutil
from contextlib import ExitStack
from pathlib import Path

import redis

from redis_state.testing import EmbeddedServer
from tests.support.fetch import supported

FOLDER = Path(__file__).parents[2] / ".servers"
FETCHED = ("redis62", "redis82", "valkey81") if supported() else ()
ON_PATH = shutil.which("redis-server")

# Each stands for a kind: no field expiry (6.2, 8.1 and Debian's 7.0), field expiry (8.2, 9.1).
ALL = (*FETCHED, "valkey91", *(("path",) if ON_PATH else ()))
FIELD_EXPIRY = ("redis82", "valkey91")
# Without the fetched ones, the one on the path is the older one.
HASH_FORM = "redis62" if FETCHED else "path" if ON_PATH else None
FIELD_FORM = "valkey91"
ONE_OF_EACH_FORM = tuple(name for name in (HASH_FORM, FIELD_FORM) if name)
# `make test` has one of each form, `make test-slow` all of them.
ALL_SERVERS = os.environ.get("REDIS_STATE_TEST_SERVERS") == "all"
NAMES = ALL if ALL_SERVERS else ONE_OF_EACH_FORM


class OpenServer(EmbeddedServer):
    """A server that tests reach at a port, too; it has no password before they set one."""

    def __init__(self, *options: str, executable: Path | str | None = None) -> None:
        super().__init__(*options, executable=executable, tcp=True)
        self.password = ""


class Servers:
    """Hands out running servers by name, and stops them all at the end."""

    def __init__(self) -> None:
        self._stack = ExitStack()
        self._running: dict[str, OpenServer] = {}

    def __getitem__(self, name: str) -> OpenServer:
        if name not in self._running:
            self._running[name] = self._stack.enter_context(server(name))
        return self._running[name]

    def stop(self) -> None:
        self._stack.close()


def server(name: str, *options: str) -> OpenServer:
    """Return a server that is not started yet; a missing one is an error, never a skip."""
    if name == "valkey91":
        return OpenServer(*options)
    executable = ON_PATH if name == "path" else FOLDER / name
    if executable is None or not Path(executable).exists():
        raise FileNotFoundError(f"{executable} is missing: run `make .servers/ready`")
    return OpenServer(*options, executable=executable)


def raw_client(running: EmbeddedServer) -> redis.Redis:
    """Return an ordinary client, to look at what lies in the server."""
    return redis.Redis(unix_socket_path=str(running.socket_path), protocol=2)
