"""An Airflow with its whole API, and two of them that are asked the same."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from typing import Any
from urllib.parse import quote
from uuid import uuid4

import httpx
import redis

from redis_state import TaskScope
from redis_state.format.owner import owner_key
from tests.with_airflow.server.airflow_home import NAMESPACE, ApiServer, Home
from tests.with_airflow.server.inside import InsideServer
from tests.with_airflow.server.metadata import Asset, Instance, Metadata
from tests.with_airflow.server.tasks import Task

ROLES = ("admin", "op", "user", "viewer")
RETENTION_DAYS = 7
# What a proxy leads to Airflow, and may take out of the path or not.
PREFIX = "/team/airflow"
_PASSWORDS = {role: f"password of {role}" for role in ROLES}
# A moment in UTC as Airflow tells it.
_MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{6})?Z")
# What tells of one answer, and nothing of who gave it.
_OF_THE_MOMENT = {"date", "content-length"}
# The bridge stands inside Airflow's compression, and what Airflow makes of an error outside.
_COMPRESSION = {"vary", "content-encoding", "transfer-encoding"}


def options_of(home: Home) -> dict[str, str]:
    """Return how an Airflow with users is set up; their passwords are written down for it."""
    passwords = home.folder / "passwords.json"
    passwords.write_text(json.dumps(_PASSWORDS), encoding="utf-8")
    return {
        "AIRFLOW__CORE__AUTH_MANAGER": "tests.with_airflow.rest.auth_manager.AuthManager",
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS": ",".join(f"{role}:{role}" for role in ROLES),
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(passwords),
        "AIRFLOW__STATE_STORE__DEFAULT_RETENTION_DAYS": str(RETENTION_DAYS),
    }


@dataclass
class Airflow:
    """An API server, its metadata database, and who is logged in."""

    home: Home
    metadata: Metadata
    server: ApiServer | InsideServer
    # The headers of each user; nobody has none.
    users: dict[str, dict[str, str]] = field(default_factory=lambda: {"nobody": {}})

    @contextmanager
    def logged_in(self) -> Iterator[Airflow]:
        """Log everybody in."""
        with httpx.Client(timeout=90) as http:
            self.http = http
            self.users |= {role: self.log_in(role) for role in ROLES}
            yield self

    @contextmanager
    def running(self) -> Iterator[Airflow]:
        """Wait until a server of its own process answers, and log everybody in."""
        assert isinstance(self.server, ApiServer)
        with self.server, self.logged_in():
            yield self

    def log_in(self, role: str) -> dict[str, str]:
        """Return the headers of a user who has just logged in."""
        login = {"username": role, "password": _PASSWORDS[role]}
        url = f"{self.server.url.removesuffix('/execution/')}/auth/token"
        told = self.http.post(url, json=login).raise_for_status()
        return {"Authorization": f"Bearer {told.json()['access_token']}"}

    def request(
        self,
        method: str,
        path: str,
        *,
        user: str = "admin",
        prefix: str = "",
        headers: dict[str, str] | None = None,
        **options: Any,
    ) -> httpx.Response:
        headers = self.users[user] | (headers or {})
        url = f"{self.server.root}{prefix}/api/v2{path}"
        return self.http.request(method, url, headers=headers, **options)

    def task(self, instance: Instance) -> Task:
        """Return a task instance that uses its state through the Execution API."""
        return Task(self.home, self.server.url, instance)


def path_of(scope: TaskScope | Asset) -> str:
    """Return where Airflow's REST API has the state of a task or an asset."""
    if isinstance(scope, Asset):
        return f"/assets/{scope.id}/state-store"
    dag, run, task = (quote(part, safe="") for part in (scope.dag_id, scope.run_id, scope.task_id))
    return f"/dags/{dag}/dagRuns/{run}/taskInstances/{task}/state-store"


def pages(plain: redis.Redis) -> set[bytes]:
    """Return where state lies in Redis: each key but the owner's, whose mark comes by itself."""
    return set(plain.scan_iter()) - {owner_key(NAMESPACE).encode()}


def escaped(key: str) -> str:
    return quote(key, safe="")


@dataclass(frozen=True)
class State:
    """The state of one task instance or asset, in two Airflows that are asked the same."""

    both: Both
    path: str
    kind: str
    # Of each of the two: who sets it without REST.
    owners: tuple[Any, Any]

    def request(self, method: str, key: str | None = None, **options: Any) -> httpx.Response:
        path = self.path if key is None else f"{self.path}/{escaped(key)}"
        return self.both.request(method, path, **options)

    def put(self, key: str, value: Any, **more: Any) -> None:
        """Set a value through REST, for ever if nothing else is said."""
        lifetime = {"expires_at": None} if self.kind == "task" else {}
        body = {"value": value, **lifetime, **more}
        assert self.request("PUT", key, json=body).status_code == 204

    def get(self, key: str) -> Any:
        """Return what is told of a value, or None where there is none."""
        answer = self.request("GET", key)
        assert answer.status_code in {200, 404}
        return answer.json() if answer.status_code == 200 else None

    def value(self, key: str) -> Any:
        """Return a value, or None where there is none."""
        told = self.get(key)
        return told and told["value"]

    def listed(self, **params: Any) -> dict[str, Any]:
        answer = self.request("GET", params=params)
        assert answer.status_code == 200
        found: dict[str, Any] = answer.json()
        assert found.keys() == {f"{self.kind}_state_store", "total_entries"}
        return {"entries": found[f"{self.kind}_state_store"], "total": found["total_entries"]}

    def keys(self, **params: Any) -> list[str]:
        return [entry["key"] for entry in self.listed(**params)["entries"]]


class Both:
    """Two Airflows with the same content: one on Redis, and one with a store of its own."""

    def __init__(self, ours: Airflow, own: Airflow) -> None:
        self.ours = ours
        self.own = own
        self._each = (ours, own)
        self._asset_ids = count(1_000_000)

    def request(self, method: str, path: str, **options: Any) -> httpx.Response:
        """Ask both, and return the answer of the one on Redis, which is that of the other."""
        ours, own = (each.request(method, path, **options) for each in self._each)
        assert _told(ours) == _told(own)
        return ours

    def task(self, *indices: int, dag_id: str | None = None) -> State:
        """Add the same task to both, mapped if there are indices."""
        dag_id = dag_id or f"dag-{uuid4().hex[:12]}"
        owners = []
        for each in self._each:
            each.metadata.dag(dag_id)
            each.metadata.run(dag_id)
            owners.append(each.metadata.instances(dag_id, *indices))
        scope = owners[0][0].scope
        return State(self, path_of(scope), "task", (owners[0], owners[1]))

    def asset(self) -> State:
        name = f"asset-{uuid4().hex[:12]}"
        # The address tells the id, and other tests may have added assets to one of them.
        asset_id = next(self._asset_ids)
        ours, own = (each.metadata.asset(name, asset_id=asset_id) for each in self._each)
        return State(self, path_of(ours), "asset", (ours, own))

    def set_by_task(self, state: State, key: str, value: Any) -> None:
        """Let a task of each Airflow set a value."""
        for each, owner in zip(self._each, state.owners, strict=True):
            if isinstance(owner, Asset):
                with each.task(each.metadata.instance()) as task:
                    task.on(owner).set(key, value)
            else:
                with each.task(owner[0]) as task:
                    task.set(key, value)

    def got_by_task(self, state: State, key: str) -> list[Any]:
        """Return what a task of each Airflow reads."""
        found = []
        for each, owner in zip(self._each, state.owners, strict=True):
            if isinstance(owner, Asset):
                with each.task(each.metadata.instance()) as task:
                    found.append(task.on(owner).get(key))
            else:
                with each.task(owner[0]) as task:
                    found.append(task.get(key))
        return found


def _told(answer: httpx.Response) -> tuple[int, Any, dict[str, str]]:
    ignored = _OF_THE_MOMENT | (_COMPRESSION if answer.status_code == 500 else set())
    headers = {name: value for name, value in answer.headers.items() if name not in ignored}
    is_json = headers.get("content-type") == "application/json"
    body = _timeless(answer.json()) if is_json and answer.content else answer.text
    if answer.status_code == httpx.codes.UNPROCESSABLE_ENTITY:
        # The next Airflow tells some errors once for each of its checks.
        told = body["detail"]
        body = [each for number, each in enumerate(told) if each not in told[:number]]
    return answer.status_code, body, headers


def _timeless(body: Any) -> Any:
    """Replace when a value was written, which is told in the same way, by a mark."""
    if isinstance(body, list):
        return [_timeless(each) for each in body]
    if isinstance(body, dict):
        return {
            name: "a moment"
            if name == "updated_at" and _MOMENT.fullmatch(each)
            else _timeless(each)
            for name, each in body.items()
        }
    return body


def _is_moment(name: str, told: Any) -> bool:
    return name == "updated_at" and _MOMENT.fullmatch(told) is not None
