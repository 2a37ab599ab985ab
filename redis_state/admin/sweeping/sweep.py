"""A sweep: meet values, ask whether they have an owner, and remove those that have none.

In this order, and only what is as it was met, so it is safe beside a running Airflow. It may be
stopped and run again at any time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from itertools import islice
from typing import Any, TypeAlias

import anyio.to_thread

from redis_state.admin.patience import patiently
from redis_state.admin.store import Store
from redis_state.admin.sweeping.judging import Judge
from redis_state.admin.sweeping.reasons import Ownerless
from redis_state.admin.sweeping.references import References
from redis_state.admin.sweeping.removal import Removal
from redis_state.admin.sweeping.report import SweepReport
from redis_state.admin.walking import Found, Walk
from redis_state.airflow.owners import Database
from redis_state.errors import MisconfiguredError
from redis_state.format import envelope
from redis_state.format.owner import Owner, another_owner
from redis_state.format.pages import Page
from redis_state.operations.operation import Operation
from redis_state.operations.owner import Claim, ReadOwner
from redis_state.scopes import TaskScope

GRACE = timedelta(hours=1)
# How far it is: keys of the servers that are behind, of how many.
OnProgress: TypeAlias = Callable[[int, int], None]


@dataclass(frozen=True)
class Options:
    """What a sweep is to look at; nothing that was written within ``grace`` is touched.

    ``has_references``: the server side is here, too, so each worker value has a reference here.
    """

    grace: timedelta = GRACE
    has_references: bool = False
    dag_id: str | None = None
    # So many values at most go.
    limit: int | None = None
    batch_size: int = 1000
    dry_run: bool = False


class Sweep:
    """One sweep of a namespace; ``report`` tells what was done so far."""

    def __init__(
        self,
        store: Store,
        database: Database,
        options: Options,
        report: SweepReport | None = None,
    ) -> None:
        self.report = SweepReport() if report is None else report
        self._store = store
        self._database = database
        self._options = options
        self._mark: str | None = None
        self._latest = envelope.now() - options.grace // timedelta(microseconds=1)
        references = References(store, database) if options.has_references else None
        self._judge = Judge(database, references)
        self._removal = Removal(store, self._latest, has_references=options.has_references)

    async def run(self, on_progress: OnProgress = lambda *_: None) -> SweepReport:
        """Go through the namespace once."""
        make = not self._options.dry_run
        self._mark = await anyio.to_thread.run_sync(partial(self._database.mark, make=make))
        await self._check_owner()
        walk = self._walk()
        met: dict[tuple[str, bytes], Found] = {}
        async with walk.batches() as batches:
            async for batch in batches:
                met |= {(found.page, found.field): found for found in self._old(batch.values)}
                while len(met) >= self._options.batch_size and not self._is_enough():
                    some = [met.pop(spot) for spot in list(islice(met, self._options.batch_size))]
                    await self._settle(some)
                on_progress(walk.done, walk.total)
                if self._is_enough():
                    return self.report
        await self._settle(met.values())
        on_progress(walk.done, walk.total)
        return self.report

    def _walk(self) -> Walk:
        client, namespace, dag_id = self._store.client, self._store.namespace, self._options.dag_id
        if dag_id is None:
            return Walk(client, namespace)

        def is_of_dag(page: Page) -> bool:
            return isinstance(page.scope, TaskScope) and page.scope.dag_id == dag_id

        return Walk(client, namespace, prefix="t", wanted=is_of_dag)

    def _old(self, values: Iterable[Found]) -> list[Found]:
        # What has ended goes by itself.
        now = envelope.now()
        live = [found for found in values if found.header.is_live(now)]
        old = [found for found in live if found.header.updated_at <= self._latest]
        self.report.seen += len(live)
        self.report.young += len(live) - len(old)
        return old

    async def _settle(self, met: Iterable[Found]) -> None:
        ownerless = self._within_limit(await self._judge.ownerless(met))
        if self._options.dry_run or not ownerless:
            self.report.add(ownerless)
            return
        # Somebody else's may have become the namespace meanwhile.
        await self._check_owner()
        await self._removal.remove(ownerless, self.report)

    def _within_limit(self, ownerless: list[Ownerless]) -> list[Ownerless]:
        limit = self._options.limit
        return ownerless if limit is None else ownerless[: max(0, limit - self.report.values)]

    def _is_enough(self) -> bool:
        limit = self._options.limit
        return limit is not None and self.report.values >= limit

    async def _check_owner(self) -> None:
        namespace, mark = self._store.namespace, self._mark
        operation: Operation[Any] = ReadOwner(namespace)
        if mark is not None and not self._options.dry_run:
            operation = Claim(namespace, mark)
        owner: Owner | None = await patiently(partial(self._store.client.run, operation))
        if owner is None or owner.database == mark:
            return
        meaning, remedy = another_owner(namespace, owner, mark or "not marked yet")
        raise MisconfiguredError(f"Nothing is swept. {meaning}. {remedy}")
