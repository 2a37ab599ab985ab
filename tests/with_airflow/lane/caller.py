"""A task that sends its requests by hand, one connection for each."""

from __future__ import annotations

import json
from dataclasses import dataclass, field

from tests.with_airflow.lane.asked import API_VERSION, message
from tests.with_airflow.lane.wire import Answer, Connection
from tests.with_airflow.server.airflow_home import Home
from tests.with_airflow.server.metadata import Instance

BODY = json.dumps({"value": 1}).encode()


@dataclass
class Caller:
    """A task that sends its requests in pieces, or does not wait for the answer."""

    home: Home
    instance: Instance
    port: int
    path: str = field(init=False)

    def __post_init__(self) -> None:
        self.path = f"/execution/store/ti/{self.instance.id}/key"

    def head(self, method: str) -> bytes:
        headers = [
            ("Airflow-API-Version", API_VERSION),
            ("Authorization", f"Bearer {self.home.token(self.instance.id)}"),
        ]
        if method == "PUT":
            headers += [
                ("Content-Type", "application/json"),
                ("Content-Length", str(len(BODY))),
            ]
        return message(method, self.path, headers)

    def ask(self, method: str = "GET") -> Answer | None:
        with Connection(self.port) as connection:
            connection.send(self.head(method) + (BODY if method == "PUT" else b""))
            return connection.answer(method)

    def state_of_the_run(self) -> Answer | None:
        """Ask what only the metadata database knows, by a route that is not the lane's."""
        scope = self.instance.scope
        token = self.home.token(self.instance.id)
        target = f"/execution/dag-runs/{scope.dag_id}/{scope.run_id}/state"
        with Connection(self.port) as connection:
            connection.send(message("GET", target, [("Authorization", f"Bearer {token}")]))
            return connection.answer()


def status(answer: Answer | None) -> int | None:
    return None if answer is None else answer.status
