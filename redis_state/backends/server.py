"""The server-side backend: `[state_store] backend = redis_state.RedisStateBackend`."""

from __future__ import annotations

import logging
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import Any

from redis_state.admin.rotation import OnProgress, Rotation, RotationReport
from redis_state.admin.steps import arun, run
from redis_state.admin.store import Store
from redis_state.admin.survey import Survey
from redis_state.airflow import run_identity
from redis_state.airflow.http_errors import as_http_error
from redis_state.airflow.owners import Database, is_server_side
from redis_state.airflow.sides import SERVER
from redis_state.backends.base import RedisBackend
from redis_state.backends.call import Call
from redis_state.backends.ownership import OwnedOperations
from redis_state.backends.server_operations import ServerOperations
from redis_state.backends.start_line import write_start_line
from redis_state.client._async.client import AsyncClient
from redis_state.config.settings import load
from redis_state.errors import MisconfiguredError, StateStoreError
from redis_state.format.owner import Owner
from redis_state.operations.owner import Claim
from redis_state.scopes import Entry, Listing, StateScope

_log = logging.getLogger(__name__)


class RedisStateBackend(RedisBackend):
    """Keeps the state of tasks and assets in Redis or Valkey, with native expiry.

    Options are those of `redis_state.Settings`, as keyword arguments. Nothing connects
    before the first method is called. One instance serves all threads, event loops and forks.
    """

    def __init__(self, **options: Any) -> None:
        try:
            settings = load(SERVER, **options)
            kind = OwnedOperations if settings.require_owner else ServerOperations
            operations = kind(settings)
        except MisconfiguredError as error:
            # The API server builds the backend when a task first needs it.
            raise as_http_error(error) from None
        super().__init__(settings, operations, SERVER)
        self._server_operations = operations
        run_identity.watch_runs()
        write_start_line(SERVER, settings, options)

    def entry(self, scope: StateScope, key: str, *, session: Any = None) -> Entry | None:
        """Return the live value of ``key`` with its times, or None."""
        with Call(self._watch, "entry", scope, session) as call:
            operation = self._server_operations.entry(scope, key, session)
            call.carried = result = self._client.run(operation)
            return result

    async def aentry(self, scope: StateScope, key: str, *, session: Any = None) -> Entry | None:
        """Do as ``entry`` does, on the running loop."""
        with Call(self._watch, "entry", scope, session) as call:
            operation = self._server_operations.entry(scope, key, session)
            call.carried = result = await self._loop_clients.current().run(operation)
            return result

    def listing(
        self, scope: StateScope, *, limit: int, offset: int = 0, session: Any = None
    ) -> Listing:
        """Return ``limit`` of the live keys of a scope with their values, sorted by key.

        It looks at all keys of the scope, in short steps, and reads the values that it returns.
        """
        with Call(self._watch, "listing", scope, session) as call:
            steps = self._server_operations.listing(scope, limit, offset, session)
            result = run(self._client, steps)
            call.carried = result.entries
            return result

    async def alisting(
        self, scope: StateScope, *, limit: int, offset: int = 0, session: Any = None
    ) -> Listing:
        """Do as ``listing`` does, on the running loop."""
        with Call(self._watch, "listing", scope, session) as call:
            steps = self._server_operations.listing(scope, limit, offset, session)
            result = await arun(self._loop_clients.current, steps)
            call.carried = result.entries
            return result

    def survey(self, scope: StateScope, *, session: Any = None) -> Survey:
        """Return how much an asset or all instances of a task keep, and until when.

        It looks at the times and sizes of all values, in short steps, and reads none of them.
        """
        with Call(self._watch, "survey", scope, session):
            return run(self._client, self._server_operations.survey(scope, session))

    async def asurvey(self, scope: StateScope, *, session: Any = None) -> Survey:
        """Do as ``survey`` does, on the running loop."""
        with Call(self._watch, "survey", scope, session):
            steps = self._server_operations.survey(scope, session)
            return await arun(self._loop_clients.current, steps)

    async def aset_by_api(
        self,
        scope: StateScope,
        key: str,
        value: str,
        *,
        expires_at: datetime | None = None,
        session: Any = None,
    ) -> None:
        """Do as ``aset`` does, and note of an asset's value that no task has set it."""
        with Call(self._watch, "set", scope, session) as call:
            operations = self._server_operations
            operation = operations.set_by_api(scope, key, value, expires_at, session)
            await self._loop_clients.current().run(self._durable(operation))
            call.carried = value

    async def aoverwrite(
        self, scope: StateScope, key: str, value: str, *, session: Any = None
    ) -> bool:
        """Write another value that ends when the present one does; tell whether there is one."""
        entry = await self.aentry(scope, key, session=session)
        if entry is None:
            return False
        with Call(self._watch, "set", scope, session) as call:
            operation = self._server_operations.overwrite(scope, key, value, entry, session)
            await self._loop_clients.current().run(self._durable(operation))
            call.carried = value
        return True

    def claim(self, database: str) -> Owner:
        """Mark the namespace for a metadata database, unless it is marked; return whose it is."""
        return self._client.run(Claim(self.settings.namespace, database))

    def cleanup(self) -> None:
        """Remove what deleted runs and assets left, as `redis-state sweep` does; it takes a while.

        It asks the metadata database, so a process without one only logs that nothing was done.
        """
        # In a thread: the caller's may run an event loop.
        with ThreadPoolExecutor(1, "redis-state-cleanup") as thread:
            thread.submit(self._sweep).result()

    def rotate(
        self, on_progress: OnProgress | None = None, *, dry_run: bool = False
    ) -> RotationReport:
        """Encrypt all values of the namespace with the newest key, worker values too.

        It goes on beside readers and writers, and takes as long as it takes: a call has no budget,
        only its steps do. With ``dry_run`` it writes nothing, and reports what is left to do.
        """
        rotation = Rotation(
            self.settings, self._server_operations.codec, on_progress, dry_run=dry_run
        )
        return run(self._client, rotation.steps())

    async def arotate(
        self, on_progress: OnProgress | None = None, *, dry_run: bool = False
    ) -> RotationReport:
        """Do as ``rotate`` does, on the running loop."""
        rotation = Rotation(
            self.settings, self._server_operations.codec, on_progress, dry_run=dry_run
        )
        return await arun(self._loop_clients.current, rotation.steps())

    def _sweep(self) -> None:
        # Not at the top, for those who never sweep.
        import anyio  # noqa: PLC0415

        from redis_state.admin.sweeping import Options, Sweep, SweepReport  # noqa: PLC0415

        try:
            database = Database()
            database.check()
        except StateStoreError as error:
            _log.warning("Nothing was swept. %s", error)
            return

        async def sweep() -> SweepReport:
            options = Options(has_references=is_server_side(type(self)))
            client = AsyncClient(self.settings)
            try:
                store = Store(self.settings, self._server_operations.codec, client)
                return await Sweep(store, database, options).run()
            finally:
                client.close()

        report = anyio.run(sweep)
        _log.info(
            "Swept the namespace %r: %d of %d values had no owner and are deleted.",
            self.settings.namespace,
            report.values,
            report.seen,
        )
