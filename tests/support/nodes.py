"""Servers of a deployment: each keeps its port, and can be looked into, killed and brought back."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from tests.support import servers
from tests.support.ports import HOST
from tests.support.waiting import PATIENCE


class Node(servers.OpenServer):
    """A server on a port that is its own, whether it runs or not."""

    def __init__(self, name: str, port: int, *options: str) -> None:
        executable = servers.server(name)._executable
        super().__init__(*options, executable=executable)
        self.port = port

    @property
    def address(self) -> str:
        return f"{HOST}:{self.port}"

    @property
    def runs(self) -> bool:
        return self._process is not None

    def ask(self, *command: Any) -> Any:
        """Send a command, and return its reply as the server gave it, as text."""
        with redis.Redis(
            unix_socket_path=str(self.socket_path),
            protocol=2,
            decode_responses=True,
            socket_timeout=PATIENCE,
            retry=Retry(NoBackoff(), 0),
        ) as client:
            client.response_callbacks.clear()
            return client.execute_command(*command)

    def info(self, section: str) -> dict[str, str]:
        lines = str(self.ask("INFO", section)).splitlines()
        return dict(line.split(":", 1) for line in lines if ":" in line)

    def restart(self, *options: str) -> None:
        """Kill the server if it runs, and start it on the data that it has left on the disk."""
        self.kill()
        self._options = (*self._options, *options)
        self.start()


class Sentinel(Node):
    """A Sentinel, which has its options in a file that it rewrites."""

    def __init__(self, name: str, port: int, *lines: str) -> None:
        super().__init__(name, port)
        self._lines = lines

    def _arguments(self) -> list[str]:
        assert self._folder is not None
        file: Path = self._folder / "sentinel.conf"
        if not file.exists():
            own = [f"bind {HOST}", f"port {self.port}", f"dir {self._folder}"]
            own += [f"unixsocket {self.socket_path}", "unixsocketperm 700"]
            file.write_text("\n".join([*own, *self._lines, ""]), encoding="utf-8")
        return [str(file), "--sentinel"]
