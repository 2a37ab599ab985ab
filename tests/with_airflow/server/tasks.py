"""A task instance that talks to the API server: the task SDK's client, and plain HTTP beside it."""

from __future__ import annotations

from datetime import datetime
from types import TracebackType
from typing import Any, Self

import httpx
from airflow.sdk.api.client import Client
from airflow.sdk.exceptions import ErrorType
from airflow.sdk.execution_time.comms import ErrorResponse

from tests.with_airflow.server.airflow_home import Home
from tests.with_airflow.server.metadata import Asset, Instance

MISSING = object()
# How the client tries again; the next Airflow has it on a method of its own.
RETRYING = getattr(Client, "_request_with_retry", Client.request).retry
JSON = {"Content-Type": "application/json"}


class Task:
    """Uses both stores with the token of one task instance."""

    def __init__(self, home: Home, url: str, instance: Instance) -> None:
        token = home.token(instance.id)
        self.instance = instance
        self.client = Client(base_url=url, token=token)
        # As the SDK's client, but for its retries and what it makes of an error.
        authorization = {"Authorization": f"Bearer {token}"}
        self.http = httpx.Client(base_url=url, headers=authorization, timeout=30, verify=False)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.client.close()
        self.http.close()

    @property
    def path(self) -> str:
        return f"store/ti/{self.instance.id}"

    def get(self, key: str) -> Any:
        """Return a value, or MISSING where Airflow says that there is no such key."""
        answer = self.client.task_state_store.get(self.instance.id, key)
        return _value(answer, ErrorType.TASK_STORE_NOT_FOUND)

    def set(self, key: str, value: Any, expires_at: datetime | None = None) -> None:
        self.client.task_state_store.set(self.instance.id, key, value, expires_at)

    def delete(self, key: str) -> None:
        self.client.task_state_store.delete(self.instance.id, key)

    def clear(self) -> None:
        self.client.task_state_store.clear(self.instance.id)

    def succeed(self) -> None:
        instances = self.client.task_instances
        instances.succeed(self.instance.id, datetime.now().astimezone(), [], [], None)

    def fail_and_retry(self) -> None:
        self.client.task_instances.retry(self.instance.id, datetime.now().astimezone(), None)

    def on(self, asset: Asset, by: str = "name") -> AssetStore:
        """Give the store of an asset, asked for by its name or its uri."""
        return AssetStore(self.client, {by: getattr(asset, by)})


class AssetStore:
    """The store of one asset."""

    def __init__(self, client: Client, asked_for: dict[str, str]) -> None:
        self._store = client.asset_state_store
        self._asked_for = asked_for

    def get(self, key: str) -> Any:
        answer = self._store.get(key, **self._asked_for)
        return _value(answer, ErrorType.ASSET_STORE_NOT_FOUND)

    def set(self, key: str, value: Any) -> None:
        self._store.set(key, value, **self._asked_for)

    def delete(self, key: str) -> None:
        self._store.delete(key, **self._asked_for)

    def clear(self) -> None:
        self._store.clear(**self._asked_for)


def _value(answer: Any, missing: ErrorType) -> Any:
    if isinstance(answer, ErrorResponse):
        assert answer.error == missing
        return MISSING
    return answer.value
