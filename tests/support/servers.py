"""The servers of the suite, started when first asked for, one of each in every test process."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path

import redis

from redis_state.testing import EmbeddedServer
from tests.matrix import ON_PATH

FOLDER = Path(__file__).parents[2] / ".servers"


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
