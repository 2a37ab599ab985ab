"""The verbs in both colours: what they do is an operation, and each is run, counted and answered.

The backends differ in the operations that they build; see `Builder`.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Any, Protocol, TypeVar

from redis_state.admin.health import Health
from redis_state.admin.health.check import acheck, check
from redis_state.airflow.bases import airflow_bases
from redis_state.airflow.http_errors import answered
from redis_state.airflow.metrics import WORKER, Meter, meter
from redis_state.backends.interface import BaseStateBackend
from redis_state.client._sync.client import SyncClient
from redis_state.client.loops import LoopClients
from redis_state.config.settings import Settings
from redis_state.errors import StateStoreError
from redis_state.operations.operation import Durable, Operation
from redis_state.scopes import Entry, StateScope

T = TypeVar("T")
_WRITES = frozenset({"set", "set_many", "delete", "clear"})
Values = Mapping[str, str]


class Builder(Protocol):
    """Makes an operation of a verb's arguments, after checking them."""

    def get(self, session: Any, scope: StateScope, key: str) -> Operation[str | None]: ...
    def get_many(
        self, session: Any, scope: StateScope, wanted: Iterable[str]
    ) -> Operation[dict[str, str]]: ...
    def set(
        self, session: Any, scope: StateScope, key: str, value: str, expires_at: datetime | None
    ) -> Operation[None]: ...
    def set_many(
        self, session: Any, scope: StateScope, values: Values, expires_at: datetime | None
    ) -> Operation[None]: ...
    def delete(self, session: Any, scope: StateScope, key: str) -> Operation[None]: ...
    def clear(self, session: Any, scope: StateScope, all_map_indices: bool) -> Operation[None]: ...
    def entries(self, session: Any, scope: StateScope) -> Operation[dict[str, Entry]]: ...


class Verbs(BaseStateBackend, *airflow_bases()):  # type: ignore[misc]  # known at run time
    """Runs the operations of one side's builder on Redis or Valkey."""

    def __init__(self, settings: Settings, builder: Builder, side: str) -> None:
        self._settings = settings
        self._builder = builder
        self._is_worker = side == WORKER
        self._meter: Meter | None = meter(side)
        self._durability = settings.durable
        self._client = SyncClient(settings, self._meter)
        self._loop_clients = LoopClients(settings, self._meter)

    def __repr__(self) -> str:
        return (
            f"{type(self).__name__}({self._settings.deployment}, "
            f"namespace={self._settings.namespace!r})"
        )

    @property
    def settings(self) -> Settings:
        """The options in force."""
        return self._settings

    def get(self, scope: StateScope, key: str, *, session: Any = None) -> str | None:
        return self._do("get", self._builder.get, session, scope, key)

    def set(
        self,
        scope: StateScope,
        key: str,
        value: str,
        *,
        expires_at: datetime | None = None,
        session: Any = None,
    ) -> None:
        self._do("set", self._builder.set, session, scope, key, value, expires_at)

    def delete(self, scope: StateScope, key: str, *, session: Any = None) -> None:
        self._do("delete", self._builder.delete, session, scope, key)

    def clear(
        self, scope: StateScope, *, all_map_indices: bool = False, session: Any = None
    ) -> None:
        self._do("clear", self._builder.clear, session, scope, all_map_indices)

    def get_many(
        self, scope: StateScope, keys: Iterable[str], *, session: Any = None
    ) -> dict[str, str]:
        return self._do("get_many", self._builder.get_many, session, scope, keys)

    def set_many(
        self,
        scope: StateScope,
        values: Values,
        *,
        expires_at: datetime | None = None,
        session: Any = None,
    ) -> None:
        self._do("set_many", self._builder.set_many, session, scope, values, expires_at)

    def entries(self, scope: StateScope, *, session: Any = None) -> dict[str, Entry]:
        return self._do("entries", self._builder.entries, session, scope)

    async def aget(self, scope: StateScope, key: str, *, session: Any = None) -> str | None:
        return await self._ado("get", self._builder.get, session, scope, key)

    async def aset(
        self,
        scope: StateScope,
        key: str,
        value: str,
        *,
        expires_at: datetime | None = None,
        session: Any = None,
    ) -> None:
        await self._ado("set", self._builder.set, session, scope, key, value, expires_at)

    async def adelete(self, scope: StateScope, key: str, *, session: Any = None) -> None:
        await self._ado("delete", self._builder.delete, session, scope, key)

    async def aclear(
        self, scope: StateScope, *, all_map_indices: bool = False, session: Any = None
    ) -> None:
        await self._ado("clear", self._builder.clear, session, scope, all_map_indices)

    async def aget_many(
        self, scope: StateScope, keys: Iterable[str], *, session: Any = None
    ) -> dict[str, str]:
        return await self._ado("get_many", self._builder.get_many, session, scope, keys)

    async def aset_many(
        self,
        scope: StateScope,
        values: Values,
        *,
        expires_at: datetime | None = None,
        session: Any = None,
    ) -> None:
        await self._ado("set_many", self._builder.set_many, session, scope, values, expires_at)

    async def aentries(self, scope: StateScope, *, session: Any = None) -> dict[str, Entry]:
        return await self._ado("entries", self._builder.entries, session, scope)

    def cleanup(self) -> None:
        """Do nothing: Redis removes what has expired by itself."""

    def health(self) -> Health:
        """Look at all servers; what is wrong with them is a finding, never an error."""
        return check(self._client, self._settings, worker=self._is_worker)

    async def ahealth(self) -> Health:
        """Look at all servers; what is wrong with them is a finding, never an error."""
        return await acheck(self._loop_clients.current(), self._settings, worker=self._is_worker)

    def close(self) -> None:
        """Close the idle connections of all threads; the backend stays usable."""
        self._client.close()

    async def aclose(self) -> None:
        """Close the idle connections of the running loop; the backend stays usable."""
        self._loop_clients.close_current()

    def _do(self, verb: str, build: Callable[..., Operation[T]], session: Any, *args: Any) -> T:
        begun = time.perf_counter() if self._meter is not None else 0.0
        try:
            result = self._client.run(self._lasting(verb, build(session, *args)))
        except StateStoreError as error:
            raise self._failed(verb, begun, error, session) from error.__cause__
        if self._meter is not None:
            self._count(self._meter, verb, begun, args, result)
        return result

    async def _ado(
        self, verb: str, build: Callable[..., Operation[T]], session: Any, *args: Any
    ) -> T:
        begun = time.perf_counter() if self._meter is not None else 0.0
        try:
            operation = self._lasting(verb, build(session, *args))
            result = await self._loop_clients.current().run(operation)
        except StateStoreError as error:
            raise self._failed(verb, begun, error, session) from error.__cause__
        if self._meter is not None:
            self._count(self._meter, verb, begun, args, result)
        return result

    def _lasting(self, verb: str, operation: Operation[T]) -> Operation[T]:
        if self._durability is None or verb not in _WRITES:
            return operation
        return Durable(operation, self._durability)

    def _count(
        self, counting: Meter, verb: str, begun: float, args: tuple[Any, ...], result: object
    ) -> None:
        carried = {"set": args[2:3], "set_many": args[1:2]}.get(verb, (result,))
        absent = verb == "get" and result is None
        counting.succeeded(verb, time.perf_counter() - begun, *carried, absent=absent)

    def _failed(
        self, verb: str, begun: float, error: StateStoreError, session: Any
    ) -> StateStoreError:
        if self._meter is not None:
            self._meter.failed(verb, time.perf_counter() - begun, error)
        # Only Airflow's API server hands in a session.
        return error if session is None else answered(error)
