"""The methods, sync and async: what each does is an operation, which is run and counted.

The two sides differ in the operations that they build.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any, TypeAlias, TypeVar

from redis_state.admin.health import Health
from redis_state.admin.health.airflows import surroundings
from redis_state.admin.health.check import check
from redis_state.admin.steps import Steps, arun, run
from redis_state.airflow.bases import airflow_bases
from redis_state.airflow.metrics import meter
from redis_state.airflow.sides import WORKER
from redis_state.backends.call import Call, Watch, watch
from redis_state.backends.interface import BaseStateBackend, Values
from redis_state.backends.server_operations import ServerOperations
from redis_state.backends.worker_operations import WorkerOperations
from redis_state.client._sync.client import SyncClient
from redis_state.client.loops import LoopClients
from redis_state.config.settings import Settings
from redis_state.operations.operation import Durable, Operation
from redis_state.scopes import Entry, StateScope

T = TypeVar("T")
# Each checks the arguments of a method, and returns what to do.
Operations: TypeAlias = ServerOperations | WorkerOperations


class RedisBackend(BaseStateBackend, *airflow_bases()):  # type: ignore[misc]  # known at run time
    """Runs the operations of one side on Redis or Valkey."""

    def __init__(self, settings: Settings, operations: Operations, side: str) -> None:
        self._settings = settings
        self._operations = operations
        self._is_worker = side == WORKER
        counts = meter(side)
        self._watch: Watch | None = watch(counts, settings)
        self._durability = settings.durable
        self._client = SyncClient(settings, counts)
        self._loop_clients = LoopClients(settings, counts)

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
        with Call(self._watch, "get", scope, session) as call:
            operation = self._operations.get(scope, key, session)
            call.carried = result = self._client.run(operation)
            return result

    def set(
        self,
        scope: StateScope,
        key: str,
        value: str,
        *,
        expires_at: datetime | None = None,
        session: Any = None,
    ) -> None:
        with Call(self._watch, "set", scope, session) as call:
            operation = self._operations.set(scope, key, value, expires_at, session)
            self._client.run(self._durable(operation))
            call.carried = value

    def delete(self, scope: StateScope, key: str, *, session: Any = None) -> None:
        with Call(self._watch, "delete", scope, session):
            operation = self._operations.delete(scope, key, session)
            self._client.run(self._durable(operation))

    def clear(
        self, scope: StateScope, *, all_map_indices: bool = False, session: Any = None
    ) -> None:
        with Call(self._watch, "clear", scope, session):
            operation = self._operations.clear(scope, session, all_map_indices=all_map_indices)
            self._client.run(self._durable(operation))

    def get_many(
        self, scope: StateScope, keys: Iterable[str], *, session: Any = None
    ) -> dict[str, str]:
        with Call(self._watch, "get_many", scope, session) as call:
            operation = self._operations.get_many(scope, keys, session)
            call.carried = result = self._client.run(operation)
            return result

    def set_many(
        self,
        scope: StateScope,
        values: Values,
        *,
        expires_at: datetime | None = None,
        session: Any = None,
    ) -> None:
        with Call(self._watch, "set_many", scope, session) as call:
            operation = self._operations.set_many(scope, values, expires_at, session)
            self._client.run(self._durable(operation))
            call.carried = values

    def entries(self, scope: StateScope, *, session: Any = None) -> dict[str, Entry]:
        with Call(self._watch, "entries", scope, session) as call:
            operation = self._operations.entries(scope, session)
            call.carried = result = self._client.run(operation)
            return result

    async def aget(self, scope: StateScope, key: str, *, session: Any = None) -> str | None:
        with Call(self._watch, "get", scope, session) as call:
            operation = self._operations.get(scope, key, session)
            call.carried = result = await self._loop_clients.current().run(operation)
            return result

    async def aset(
        self,
        scope: StateScope,
        key: str,
        value: str,
        *,
        expires_at: datetime | None = None,
        session: Any = None,
    ) -> None:
        with Call(self._watch, "set", scope, session) as call:
            operation = self._operations.set(scope, key, value, expires_at, session)
            await self._loop_clients.current().run(self._durable(operation))
            call.carried = value

    async def adelete(self, scope: StateScope, key: str, *, session: Any = None) -> None:
        with Call(self._watch, "delete", scope, session):
            operation = self._operations.delete(scope, key, session)
            await self._loop_clients.current().run(self._durable(operation))

    async def aclear(
        self, scope: StateScope, *, all_map_indices: bool = False, session: Any = None
    ) -> None:
        with Call(self._watch, "clear", scope, session):
            operation = self._operations.clear(scope, session, all_map_indices=all_map_indices)
            await self._loop_clients.current().run(self._durable(operation))

    async def aget_many(
        self, scope: StateScope, keys: Iterable[str], *, session: Any = None
    ) -> dict[str, str]:
        with Call(self._watch, "get_many", scope, session) as call:
            operation = self._operations.get_many(scope, keys, session)
            call.carried = result = await self._loop_clients.current().run(operation)
            return result

    async def aset_many(
        self,
        scope: StateScope,
        values: Values,
        *,
        expires_at: datetime | None = None,
        session: Any = None,
    ) -> None:
        with Call(self._watch, "set_many", scope, session) as call:
            operation = self._operations.set_many(scope, values, expires_at, session)
            await self._loop_clients.current().run(self._durable(operation))
            call.carried = values

    async def aentries(self, scope: StateScope, *, session: Any = None) -> dict[str, Entry]:
        with Call(self._watch, "entries", scope, session) as call:
            operation = self._operations.entries(scope, session)
            call.carried = result = await self._loop_clients.current().run(operation)
            return result

    def cleanup(self) -> None:
        """Do nothing: Redis removes what has expired by itself."""

    def health(self) -> Health:
        """Look at all servers; what is wrong with them is a finding, never an error."""
        return run(self._client, self._look())

    async def ahealth(self) -> Health:
        """Look at all servers; what is wrong with them is a finding, never an error."""
        return await arun(self._loop_clients.current, self._look())

    def close(self) -> None:
        """Close the idle connections of all threads; the backend stays usable."""
        self._client.close()

    async def aclose(self) -> None:
        """Close the idle connections of the running loop; the backend stays usable."""
        self._loop_clients.close_current()

    def _look(self) -> Steps[Health]:
        return check(self._settings, worker=self._is_worker, around=surroundings())

    def _durable(self, operation: Operation[T]) -> Operation[T]:
        """Return a write that is done when it is as safe as was asked."""
        if self._durability is None:
            return operation
        return Durable(operation, self._durability)
