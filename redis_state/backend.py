"""The server-side backend: Airflow's verbs as operations on the two clients."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, TypeVar

from redis_state import envelope, keys, operations
from redis_state.airflow_bases import airflow_bases
from redis_state.client.loops import LoopClients
from redis_state.client.sync_client import SyncClient
from redis_state.contract import BaseStateBackend, Entry, StateScope
from redis_state.errors import InvalidKeyError, InvalidValueError, TooLargeError
from redis_state.operations import Operation
from redis_state.settings import Settings, load

T = TypeVar("T")


class RedisStateBackend(BaseStateBackend, *airflow_bases()):  # type: ignore[misc]  # known at run time
    """Keeps the state of tasks and assets in Redis or Valkey, with native expiry.

    Options are those of `redis_state.settings.Settings`, as keyword arguments. Nothing connects
    before the first verb is used. One instance serves all threads, event loops and forks.
    """

    def __init__(self, **options: Any) -> None:
        self._settings: Settings = load(**options)
        self._client = SyncClient(self._settings)
        self._loop_clients = LoopClients(self._settings)

    def __repr__(self) -> str:
        return (
            f"{type(self).__name__}({self._settings.server}, "
            f"namespace={self._settings.namespace!r})"
        )

    @property
    def settings(self) -> Settings:
        """The options in force."""
        return self._settings

    def get(self, scope: StateScope, key: str, *, session: Any = None) -> str | None:
        return self._run(self._get(scope, key))

    def set(
        self,
        scope: StateScope,
        key: str,
        value: str,
        *,
        expires_at: datetime | None = None,
        session: Any = None,
    ) -> None:
        self._run(self._set(scope, {key: value}, expires_at))

    def delete(self, scope: StateScope, key: str, *, session: Any = None) -> None:
        self._run(self._delete(scope, key))

    def clear(
        self, scope: StateScope, *, all_map_indices: bool = False, session: Any = None
    ) -> None:
        self._run(self._clear(scope, all_map_indices=all_map_indices))

    def get_many(
        self, scope: StateScope, keys: Iterable[str], *, session: Any = None
    ) -> dict[str, str]:
        return self._run(self._get_many(scope, keys))

    def set_many(
        self,
        scope: StateScope,
        values: Mapping[str, str],
        *,
        expires_at: datetime | None = None,
        session: Any = None,
    ) -> None:
        self._run(self._set(scope, values, expires_at))

    def entries(self, scope: StateScope, *, session: Any = None) -> dict[str, Entry]:
        return self._run(operations.entries(self._place(scope)))

    async def aget(self, scope: StateScope, key: str, *, session: Any = None) -> str | None:
        return await self._arun(self._get(scope, key))

    async def aset(
        self,
        scope: StateScope,
        key: str,
        value: str,
        *,
        expires_at: datetime | None = None,
        session: Any = None,
    ) -> None:
        await self._arun(self._set(scope, {key: value}, expires_at))

    async def adelete(self, scope: StateScope, key: str, *, session: Any = None) -> None:
        await self._arun(self._delete(scope, key))

    async def aclear(
        self, scope: StateScope, *, all_map_indices: bool = False, session: Any = None
    ) -> None:
        await self._arun(self._clear(scope, all_map_indices=all_map_indices))

    async def aget_many(
        self, scope: StateScope, keys: Iterable[str], *, session: Any = None
    ) -> dict[str, str]:
        return await self._arun(self._get_many(scope, keys))

    async def aset_many(
        self,
        scope: StateScope,
        values: Mapping[str, str],
        *,
        expires_at: datetime | None = None,
        session: Any = None,
    ) -> None:
        await self._arun(self._set(scope, values, expires_at))

    async def aentries(self, scope: StateScope, *, session: Any = None) -> dict[str, Entry]:
        return await self._arun(operations.entries(self._place(scope)))

    def cleanup(self) -> None:
        """Do nothing: Redis removes what has expired by itself."""

    def close(self) -> None:
        """Close the idle connections of all threads; the backend stays usable."""
        self._client.close()

    async def aclose(self) -> None:
        """Close the idle connections of the running loop; the backend stays usable."""
        self._loop_clients.close_current()

    def _run(self, operation: Operation[T]) -> T:
        return self._client.run(operation)

    async def _arun(self, operation: Operation[T]) -> T:
        return await (await self._loop_clients.current()).run(operation)

    def _place(self, scope: StateScope) -> keys.Place:
        return keys.place(self._settings.namespace, scope)

    def _get(self, scope: StateScope, key: str) -> Operation[str | None]:
        return operations.get(self._place(scope), self._checked_key(key))

    def _get_many(self, scope: StateScope, wanted: Iterable[str]) -> Operation[dict[str, str]]:
        if isinstance(wanted, str):
            raise InvalidKeyError("get_many takes several keys: pass a list, not one str.")
        return operations.get_many(self._place(scope), [self._checked_key(key) for key in wanted])

    def _set(
        self, scope: StateScope, values: Mapping[str, str], expires_at: datetime | None
    ) -> Operation[None]:
        place = self._place(scope)
        payloads = {self._checked_key(key): self._payload(values[key]) for key in values}
        return operations.write(place, payloads, self._deadline(scope, expires_at))

    def _delete(self, scope: StateScope, key: str) -> Operation[None]:
        return operations.delete(self._place(scope), self._checked_key(key))

    def _clear(self, scope: StateScope, *, all_map_indices: bool) -> Operation[None]:
        place = self._place(scope)
        if all_map_indices and keys.is_task(scope):
            return operations.clear_pages(keys.task_pages(self._settings.namespace, scope))
        return operations.clear(place)

    def _deadline(self, scope: StateScope, expires_at: datetime | None) -> int:
        retention = self._settings.default_retention
        if expires_at is None and retention is not None and keys.is_task(scope):
            return envelope.deadline_after(retention)
        return envelope.to_microseconds(expires_at)

    def _checked_key(self, key: str) -> str:
        if not isinstance(key, str):
            raise InvalidKeyError(f"A state key is a str, not {type(key).__name__}.")
        if len(key) > self._settings.max_key_chars:
            raise InvalidKeyError(
                f"A state key of {len(key)} characters is longer than the limit of "
                f"{self._settings.max_key_chars}: shorten it, or raise [redis_state] max_key_chars."
            )
        return key

    def _payload(self, value: str) -> bytes:
        if not isinstance(value, str):
            raise InvalidValueError(
                f"A value is a str of JSON text, not {type(value).__name__}: json.dumps it first."
            )
        payload = value.encode("utf-8", "surrogatepass")
        if len(payload) > self._settings.max_value_bytes:
            raise TooLargeError(
                f"A value of {len(payload)} bytes is larger than the limit of "
                f"{self._settings.max_value_bytes}: store a reference to it instead, or raise "
                "[redis_state] max_value_bytes."
            )
        return payload
