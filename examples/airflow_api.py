"""A small client of Airflow's public REST API: start runs, wait for them, see what they did."""

from __future__ import annotations

import json
import secrets
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from http import HTTPStatus
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

_POLL = 0.25
_TRIES = 5
_ENDED = ("success", "failed")
# Past any proxy.
_OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))


class AirflowError(Exception):
    """Airflow did not do what was asked of it; the message holds the end of its logs."""


@dataclass(frozen=True)
class Try:
    """One try of a task instance."""

    number: int
    state: str
    log: str


@dataclass(frozen=True)
class Login:
    """The one user of an Airflow, who may do everything."""

    user: str
    password: str = field(repr=False, default_factory=partial(secrets.token_urlsafe, 12))

    @property
    def settings(self) -> dict[str, str]:
        """Airflow's options for it."""
        return {
            "CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS": "False",
            "CORE__SIMPLE_AUTH_MANAGER_USERS": f"{self.user}:admin",
        }

    def write(self, home: Path) -> None:
        """Leave the password where Airflow looks for it."""
        path = home / "simple_auth_manager_passwords.json.generated"
        path.touch(mode=0o600)
        path.write_text(json.dumps({self.user: self.password}))


class AirflowApi:
    """Airflow, as seen through its REST API and its folder of task logs."""

    def __init__(self, url: str, log_folder: Path, describe: Callable[[], str]) -> None:
        self.url = url
        self._log_folder = log_folder
        self._describe = describe
        self._token = ""

    def login(self, login: Login | None = None) -> None:
        """Get the token that all other calls need, as a user, or where everybody gets one."""
        if login is None:
            answer = self._call("GET", "/auth/token")
        else:
            body = {"username": login.user, "password": login.password}
            answer = self._call("POST", "/auth/token", body)
        self._token = answer["access_token"]

    def health(self) -> dict[str, Any]:
        """Return the state of the components."""
        return dict(self.get("/monitor/health"))

    def warm_up(self) -> None:
        """Let the server build the API of the tasks, which takes its first call some seconds."""
        self._call("GET", "/execution/health")

    def trigger(self, dag_id: str) -> str:
        """Start a run of a DAG; return its run id."""
        run_id = f"manual__{datetime.now(UTC).isoformat()}"
        body = {"dag_run_id": run_id, "logical_date": None}
        self._call("POST", f"/api/v2/dags/{dag_id}/dagRuns", body)
        return run_id

    def is_running(self, dag_id: str, run_id: str) -> bool:
        """Tell whether a run has not ended yet."""
        return self.run(dag_id, run_id)["state"] not in _ENDED

    def wait(
        self, dag_id: str, run_id: str, *, state: str = "success", within: float = 120
    ) -> None:
        """Wait until a run has ended, in the state that it should."""
        self.wait_until(
            lambda: not self.is_running(dag_id, run_id), f"the end of {dag_id}", within=within
        )
        if (found := self.run(dag_id, run_id)["state"]) != state:
            logs = "\n".join(self._task_logs(dag_id, run_id))
            raise AirflowError(f"{dag_id} {run_id} ended as {found}, not {state}.\n{logs}")

    def wait_until(self, condition: Callable[[], bool], what: str, *, within: float = 60) -> None:
        """Wait for anything; an error if it does not happen in time."""
        deadline = time.monotonic() + within
        while not condition():
            if time.monotonic() > deadline:
                raise AirflowError(f"Waited {within:.0f} s for {what}.\n{self._describe()}")
            time.sleep(_POLL)

    def run(self, dag_id: str, run_id: str) -> dict[str, Any]:
        """Return what the API tells of a run."""
        return dict(self.get(f"/dags/{dag_id}/dagRuns/{quote(run_id)}"))

    def runs(self, dag_id: str) -> list[dict[str, Any]]:
        """Return all runs of a DAG, the oldest first."""
        return list(self.get(f"/dags/{dag_id}/dagRuns", order_by="id")["dag_runs"])

    def task_instances(self, dag_id: str, run_id: str) -> list[dict[str, Any]]:
        """Return what the API tells of the task instances of a run."""
        path = f"/dags/{dag_id}/dagRuns/{quote(run_id)}/taskInstances"
        return list(self.get(path, limit=100)["task_instances"])

    def states(self, dag_id: str, run_id: str, task_id: str) -> dict[int, str]:
        """Return the states of a task's instances by map index."""
        found = self.task_instances(dag_id, run_id)
        return {each["map_index"]: each["state"] for each in found if each["task_id"] == task_id}

    def tries(self, dag_id: str, run_id: str, task_id: str) -> list[Try]:
        """Return the tries of a task that is not mapped."""
        path = f"/dags/{dag_id}/dagRuns/{quote(run_id)}/taskInstances/{task_id}/tries"
        found = sorted(self.get(path)["task_instances"], key=lambda each: each["try_number"])
        return [
            Try(
                number=each["try_number"],
                state=each["state"],
                log=self.task_log(dag_id, run_id, task_id, try_number=each["try_number"]),
            )
            for each in found
        ]

    def running_pid(self, dag_id: str, task_id: str) -> int:
        """Return the process of a task that is running now."""
        found = self.get(f"/dags/{dag_id}/dagRuns/~/taskInstances", state="running")
        (pid,) = {each["pid"] for each in found["task_instances"] if each["task_id"] == task_id}
        return int(pid)

    def result(self, dag_id: str, run_id: str, task_id: str, map_index: int = -1) -> Any:
        """Return what a task has returned, its XCom."""
        path = f"/dags/{dag_id}/dagRuns/{quote(run_id)}/taskInstances/{task_id}/xcomEntries"
        return self.get(f"{path}/return_value", map_index=map_index, deserialize=True)["value"]

    def task_log(
        self, dag_id: str, run_id: str, task_id: str, *, map_index: int = -1, try_number: int = 1
    ) -> str:
        """Return the log of one try of a task instance."""
        folder = self._log_folder / f"dag_id={dag_id}" / f"run_id={run_id}" / f"task_id={task_id}"
        if map_index >= 0:
            folder /= f"map_index={map_index}"
        path = folder / f"attempt={try_number}.log"
        return path.read_text(encoding="utf-8") if path.exists() else ""

    def task_state(self, dag_id: str, run_id: str, task_id: str) -> dict[str, dict[str, Any]]:
        """Return the state of a task as the API tells of it, by key."""
        path = f"/dags/{dag_id}/dagRuns/{quote(run_id)}/taskInstances/{task_id}/state-store"
        return {each["key"]: each for each in self.get(path)["task_state_store"]}

    def task_page(self, dag_id: str, run_id: str, task_id: str, map_index: int = -1) -> str:
        """Return the address of the page of Airflow's UI that shows the state of a task."""
        instance = f"{task_id}/mapped/{map_index}" if map_index >= 0 else task_id
        run = quote(run_id, safe=":+")
        return f"{self.url}/dags/{dag_id}/runs/{run}/tasks/{instance}/task-state-store"

    def asset_page(self, name: str) -> str:
        """Return the address of the page of Airflow's UI that shows the state of an asset."""
        (asset,) = self.get("/assets", name_pattern=name)["assets"]
        return f"{self.url}/assets/{asset['id']}/asset-state-store"

    def get(self, path: str, **query: Any) -> Any:
        """Ask the API anything."""
        return self._call("GET", f"/api/v2{path}?{urlencode(query)}")

    def _task_logs(self, dag_id: str, run_id: str) -> list[str]:
        folder = self._log_folder / f"dag_id={dag_id}" / f"run_id={run_id}"
        return [
            f"--- {path.relative_to(folder)} ---\n{path.read_text(encoding='utf-8')[-4_000:]}"
            for path in sorted(folder.glob("**/*.log"))
        ]

    def _call(self, method: str, path: str, body: Any = None) -> Any:
        request = urllib.request.Request(  # noqa: S310 - the URL is our own
            self.url + path,
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={
                "Content-Type": "application/json",
                "Authorization": f"Bearer {self._token}",
            },
        )
        # On SQLite, components in each other's way can fail a call; state never passes this API.
        for tries_left in reversed(range(_TRIES)):
            try:
                with _OPENER.open(request, timeout=30) as answer:
                    return json.load(answer)
            except urllib.error.HTTPError as error:
                text = error.read().decode(errors="replace")
                if error.code == HTTPStatus.CONFLICT and tries_left < _TRIES - 1:
                    return None
                if error.code < HTTPStatus.INTERNAL_SERVER_ERROR or not tries_left:
                    message = f"{method} {path}: {error.code} {text}\n{self._describe()}"
                    raise AirflowError(message) from None
                time.sleep(_POLL)
        raise AssertionError
