"""An Airflow of the tests' own, in a temporary folder: its environment, commands and API server."""

from __future__ import annotations

import contextlib
import os
import secrets
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit
from uuid import UUID

import httpx
from airflow.api_fastapi.auth.tokens import JWTGenerator

from tests import matrix
from tests.support.ports import Ports

NAMESPACE = "airflow"
UVICORN = "uvicorn airflow.api_fastapi.main:app"
# It loads the app once, and its workers are forks.
GUNICORN = "airflow api-server --workers 2"
BASE_URL = "AIRFLOW__API__BASE_URL"
_HOST = "127.0.0.1"
# An API server takes its port half a minute after it was chosen.
_PORTS = Ports()
_STARTS_WITHIN = 180.0
_STOPS_WITHIN = 10.0


@dataclass(frozen=True)
class Home:
    """Where this Airflow lives, and which Redis keeps its state."""

    folder: Path
    redis_url: str
    database: str
    secret: str = field(default_factory=lambda: secrets.token_urlsafe(64))

    @property
    def options(self) -> dict[str, str]:
        return {
            "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
            "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": self.database,
            "AIRFLOW__API_AUTH__JWT_SECRET": self.secret,
            "AIRFLOW__STATE_STORE__BACKEND": "redis_state.RedisStateBackend",
            "AIRFLOW__STATE_STORE__CLEAR_ON_SUCCESS": "True",
            "AIRFLOW__REDIS_STATE__URL": self.redis_url,
        }

    def start(self, *arguments: str, log: Path, **more: str) -> subprocess.Popen[bytes]:
        """Start `python -m ...`; `more` adds to the environment, or takes its place."""
        environment = os.environ | {"AIRFLOW_HOME": str(self.folder)} | self.options | more
        with log.open("ab") as output:
            return subprocess.Popen(
                [sys.executable, "-m", *arguments],
                env=environment,
                stdout=output,
                stderr=subprocess.STDOUT,
            )

    def run(self, *arguments: str, **more: str) -> tuple[int, str]:
        """Run `python -m ...` to its end, and return its exit status and what it printed."""
        log = self.folder / f"{secrets.token_hex(8)}.log"
        status = self.start(*arguments, log=log, **more).wait()
        return status, log.read_text(encoding="utf-8")

    @property
    def tokens(self) -> JWTGenerator:
        return JWTGenerator(
            secret_key=self.secret,
            audience="urn:airflow.apache.org:task",
            issuer=None,
            valid_for=600,
        )

    def token(
        self, task_instance: UUID, *, scope: str = "execution", valid_for: float = 600
    ) -> str:
        """Sign a token for a task instance, as Airflow's scheduler does."""
        claims = {"sub": str(task_instance), "scope": scope}
        return str(self.tokens.generate(claims, valid_for=valid_for))


class ApiServer:
    """The app that `airflow api-server` runs, in its own process.

    It has the Execution API alone, or with ``apps="all"`` what the UI uses, too: that one runs the
    plug-in, and is measured.
    """

    def __init__(
        self,
        home: Home,
        apps: str = "execution",
        *,
        command: str = UVICORN,
        **more: str,
    ) -> None:
        if matrix.EXPRESS_LANE and apps == "execution":
            # That is the plug-in's, which this one alone does not load.
            apps, more = "all", {"AIRFLOW__REDIS_STATE__EXPRESS_LANE": "True"} | more
        port = free_port()
        is_ours = "AIRFLOW__STATE_STORE__BACKEND" not in more
        is_measured = is_ours and apps == "all" and command == UVICORN
        self.root = f"http://{_HOST}:{port}"
        # What is mounted there, as this is, has the path of the base URL in front.
        path = urlsplit(more.get(BASE_URL, "")).path
        self.url = f"{self.root}{path}/execution/"
        self._log = home.folder / f"api-server-{port}.log"
        self._process = home.start(
            *(_measuring(home.folder) if is_measured else ()),
            *(*command.split(), "--host", _HOST, "--port", str(port)),
            log=self._log,
            AIRFLOW_API_APPS=apps,
            **more,
        )

    def __enter__(self) -> Self:
        try:
            self._wait_until_it_answers()
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

    @property
    def log(self) -> str:
        return self._log.read_text(encoding="utf-8")

    def terminate(self) -> None:
        """Ask it to stop, and do not wait for it."""
        self._process.terminate()

    def wait(self) -> None:
        """Wait until it has stopped by itself."""
        self._process.wait(_STARTS_WITHIN)

    def stop(self) -> None:
        self.terminate()
        try:
            self._process.wait(_STOPS_WITHIN)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def _wait_until_it_answers(self) -> None:
        deadline = time.monotonic() + _STARTS_WITHIN
        with httpx.Client(base_url=self.url, verify=False) as http:
            while time.monotonic() < deadline and self._process.poll() is None:
                with contextlib.suppress(httpx.TransportError):
                    if http.get("health").status_code == httpx.codes.OK:
                        return
                time.sleep(0.05)
        raise RuntimeError(f"The API server did not come up:\n{self.log}")


def _measuring(folder: Path) -> tuple[str, ...]:
    """Measure the coverage of a command where the tests' own is measured: beside their file."""
    if "COVERAGE_FILE" not in os.environ:
        return ()
    beside = Path(os.environ["COVERAGE_FILE"]).absolute()
    options = folder / "coverage.ini"
    options.write_text(
        f"[run]\nsource = redis_state\nbranch = true\nparallel = true\nsigterm = true\n"
        f"data_file = {beside}-api-server\n",
        encoding="utf-8",
    )
    return ("coverage", "run", f"--rcfile={options}", "-m")


def free_port() -> int:
    """Return a port that stays free until this process takes it, or a server of its own."""
    return _PORTS.take()
