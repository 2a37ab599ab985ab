"""A PostgreSQL of the tests' own, for what Airflow keeps in its metadata database."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.with_airflow.server.airflow_home import free_port

_STARTS_WITHIN = 60.0
# It refuses to run as root.
_USER = "postgres" if os.geteuid() == 0 else None


class PostgreSQL:
    """A server in a temporary folder, from the programs that are installed.

    ``options`` are added to the server's command line.
    """

    def __init__(self, *options: str) -> None:
        self._options = options
        self._folder = Path(tempfile.mkdtemp(prefix="redis-state-postgresql-"))
        self._port = free_port()
        self._data, self._log = str(self._folder / "data"), self._folder / "log"
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"postgresql+psycopg2://airflow@127.0.0.1:{self._port}/postgres"

    def __enter__(self) -> Self:
        if _USER is not None:
            shutil.chown(self._folder, _USER)
        made = ("--auth", "trust", "--username", "airflow", "--no-sync")
        with self._log.open("ab") as log:
            initdb = [program("initdb"), "--pgdata", self._data, *made]
            subprocess.run(initdb, stdout=log, check=True, user=_USER)
        try:
            self.start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()

    def start(self) -> None:
        """Start it unless it runs, with what it had when it was killed; return once it answers."""
        if self._process is not None and self._process.poll() is None:
            return
        options = ("-D", self._data, "-h", "127.0.0.1", "-p", str(self._port), *self._options)
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [program("postgres"), *options, "-k", str(self._folder)],
                stdout=log,
                stderr=log,
                user=_USER,
            )
        self._wait_until_it_answers()

    def kill(self) -> None:
        """End it at once, whoever is still connected."""
        if self._process is not None:
            self._process.send_signal(signal.SIGQUIT)
            self._process.wait()

    def stop(self) -> None:
        self.kill()
        shutil.rmtree(self._folder)

    def _wait_until_it_answers(self) -> None:
        ask = [program("pg_isready"), "-q", "-h", "127.0.0.1", "-p", str(self._port)]
        deadline = time.monotonic() + _STARTS_WITHIN
        while subprocess.run(ask, check=False).returncode:
            if time.monotonic() > deadline:
                raise RuntimeError(self._log.read_text(encoding="utf-8"))
            time.sleep(0.1)


def program(name: str) -> str:
    # Debian keeps most of them off the PATH.
    off_path = [str(folder) for folder in Path("/usr/lib/postgresql").glob("*/bin")]
    found = shutil.which(name, path=os.pathsep.join([*off_path, os.environ["PATH"]]))
    if found is None:
        raise FileNotFoundError(f"There is no {name} here: install Debian's postgresql.")
    return found
