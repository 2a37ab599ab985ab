"""A namespace and a metadata database to sweep, and steps between the steps of a sweep."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from typing import Any

from redis_state import RedisStateBackend, RedisWorkerBackend, TaskScope
from redis_state.admin.store import Store
from redis_state.admin.sweeping import Options, Sweep, SweepReport
from redis_state.airflow.owners import Database, Run
from redis_state.client._async.client import AsyncClient
from redis_state.format import envelope
from redis_state.format.codec import Codec
from redis_state.scopes import StateScope
from tests.with_airflow.server.metadata import Metadata

NO_GRACE = timedelta(0)


def nothing() -> None:
    """Do nothing in between."""


class Questions(Database):
    """Does something before the database is asked, and something when it has answered."""

    def __init__(
        self,
        before: Callable[[], object] = nothing,
        after: Callable[[], object] = nothing,
        looked: Callable[[], object] = nothing,
    ) -> None:
        super().__init__()
        self._before, self._after, self._looked = before, after, looked

    def runs(self, wanted: Iterable[Run]) -> dict[Run, int]:
        with self._asking(wanted):
            return super().runs(wanted)

    def active_assets(self, wanted: Iterable[int]) -> set[int]:
        with self._asking(wanted):
            return super().active_assets(wanted)

    def runs_with_rows(self, wanted: Iterable[Run]) -> set[Run]:
        # By then, it was looked for the references.
        found = super().runs_with_rows(wanted)
        self._looked()
        return found

    @contextmanager
    def _asking(self, wanted: Iterable[object]) -> Iterator[None]:
        if wanted:
            self._before()
        yield
        if wanted:
            self._after()


class World:
    """Both sides of the state of an Airflow, and its metadata database."""

    def __init__(self, backend: RedisStateBackend, metadata: Metadata) -> None:
        self.backend, self.metadata = backend, metadata
        settings = backend.settings
        self.worker = RedisWorkerBackend(
            url=settings.url.get_secret_value(), namespace=settings.namespace, budget=30
        )

    async def sweep(self, database: Database | None = None, **options: Any) -> SweepReport:
        """Sweep the namespace; without other options, whatever was written until now."""
        wanted = replace(Options(NO_GRACE, has_references=True), **options)
        settings = self.backend.settings
        client = AsyncClient(settings)
        try:
            store = Store(settings, Codec(settings), client)
            return await Sweep(store, database or Questions(), wanted).run()
        finally:
            client.close()

    def task(self, dag_id: str | None = None, run_id: str = "run") -> TaskScope:
        """Return the scope of a task of a run that is there."""
        dag_id = dag_id or self.metadata.dag()
        self.metadata.run(dag_id, run_id)
        return TaskScope(dag_id, run_id, "task")

    def delete_run(self, scope: TaskScope) -> None:
        self.metadata.delete_run(scope.dag_id, scope.run_id)

    def create_run(self, scope: TaskScope) -> None:
        self.metadata.run(scope.dag_id, scope.run_id)

    def create_again(self, scope: TaskScope) -> None:
        self.delete_run(scope)
        self.create_run(scope)

    def set(self, scope: StateScope, key: str = "key", value: str = '"value"') -> None:
        """Write a value as Airflow's API server does, of the present run if there is one."""
        with self.metadata.session() as session:
            self.backend.set(scope, key, value, session=session)

    def set_all(self, scopes: Iterable[StateScope]) -> None:
        with self.metadata.session() as session:
            for scope in scopes:
                self.backend.set(scope, "key", "1", session=session)

    def keep(self, scope: StateScope, key: str = "key", *, told: StateScope | None = None) -> None:
        """Keep a value as a worker does; the server side is told of it for a scope."""
        refer = (
            self.worker.serialize_task_state_store_to_ref
            if isinstance(scope, TaskScope)
            else self.worker.serialize_asset_state_store_to_ref
        )
        reference = refer(value="kept", key=key, scope=scope)
        if told is not None:
            self.set(told, key, f'{{"__airflow_state_ref__": "{reference}"}}')

    def has(self, scope: StateScope, key: str = "key") -> bool:
        return self.backend.get(scope, key) is not None

    def keeps(self, scope: StateScope, key: str = "key") -> bool:
        return self.worker.get(scope, key) is not None

    def close(self) -> None:
        self.worker.close()


@contextmanager
def ago(monkeypatch: Any, **how_long: float) -> Iterator[None]:
    """Write what is written as if it were some time ago."""
    now, earlier = envelope.now, timedelta(**how_long) // timedelta(microseconds=1)
    with monkeypatch.context() as patched:
        patched.setattr(envelope, "now", lambda: now() - earlier)
        yield


def counts(report: SweepReport) -> dict[str, int]:
    """Return how many values went, by the reasons that there were."""
    return {reason.value: each.values for reason, each in report.swept.items() if each.values}
