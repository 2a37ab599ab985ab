"""The least that a state store backend of the API server can do: a dict behind a lock."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from airflow.state import BaseStoreBackend, TaskScope

from benchmarks.contenders.in_memory import InMemory


class DictBackend(BaseStoreBackend):  # type: ignore[misc]
    """Keeps the values of tasks in this process alone; Airflow's session is not needed."""

    def __init__(self) -> None:
        self._store = InMemory()

    def get(self, scope: TaskScope, key: str, **_: Any) -> str | None:
        """Return a value that has not expired."""
        return self._store.get(scope, key)

    def set(
        self,
        scope: TaskScope,
        key: str,
        value: str,
        *,
        expires_at: datetime | None = None,
        **_: Any,
    ) -> None:
        """Keep a value."""
        self._store.set(scope, key, value, expires_at=expires_at)

    def delete(self, scope: TaskScope, key: str, **_: Any) -> None:
        """Forget a value."""
        self._store.delete(scope, key)

    def clear(self, scope: TaskScope, **_: Any) -> None:
        """Forget the values of an instance."""
        self._store.clear(scope)

    async def aget(self, scope: TaskScope, key: str, **_: Any) -> str | None:
        """Do as `get`."""
        return self._store.get(scope, key)

    async def aset(
        self,
        scope: TaskScope,
        key: str,
        value: str,
        *,
        expires_at: datetime | None = None,
        **_: Any,
    ) -> None:
        """Do as `set`."""
        self._store.set(scope, key, value, expires_at=expires_at)

    async def adelete(self, scope: TaskScope, key: str, **_: Any) -> None:
        """Do as `delete`."""
        self._store.delete(scope, key)

    async def aclear(self, scope: TaskScope, **_: Any) -> None:
        """Do as `clear`."""
        self._store.clear(scope)
