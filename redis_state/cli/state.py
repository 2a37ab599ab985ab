"""The state of one task or asset, as operators read and change it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import datetime
from typing import Any, NamedTuple, TypeVar

import anyio.to_thread

from redis_state.admin.regions import with_regions
from redis_state.admin.steps import arun
from redis_state.admin.store import Store
from redis_state.admin.survey import Survey
from redis_state.airflow.run_identity import KnownRun
from redis_state.airflow.runs import look_up
from redis_state.backends.server_operations import ServerOperations
from redis_state.cli.parsing import UsageError
from redis_state.cli.scopes import in_words
from redis_state.format import envelope, layout, references
from redis_state.format.envelope import Envelope
from redis_state.operations.operation import Durable, Operation
from redis_state.operations.reads import Get
from redis_state.operations.survey import Position, Walked, WalkPages
from redis_state.scopes import Entry, Listing, StateScope, TaskScope

T = TypeVar("T")
# So many values at a time.
_MOST = 1_000


class Shown(NamedTuple):
    """A value as it is shown: with its times, or why it cannot be read."""

    key: str
    entry: Entry | None
    unreadable: str = ""
    # Of an earlier run with the same id, as far as the newest value of the scope tells: no task
    # of Airflow's reads it any more.
    is_of_earlier_run: bool = False


class State:
    """What one task or asset keeps."""

    def __init__(self, store: Store, scope: StateScope) -> None:
        self._store = store
        self._operations = ServerOperations(store.settings)
        self.scope = scope

    @classmethod
    async def find(cls, store: Store, scope: StateScope) -> State:
        """Open the state of a scope, in whichever region it is."""
        if isinstance(scope, TaskScope) and scope.map_index >= 0:
            found = await with_regions(store, scope)
            if len(found) > 1:
                regions = ", ".join(str(each.region_id) for each in found)
                raise UsageError(
                    f"More than one region has state of {in_words(scope)}: {regions}. "
                    "Clear the task in Airflow's UI, which knows them."
                )
            scope = found[0]
        return cls(store, scope)

    async def values(self) -> AsyncIterator[Shown]:
        """Read all values, by key."""
        headers = await self._headers()
        newest = max(headers.values(), key=lambda each: each.updated_at, default=None)
        offset, total = 0, 1
        while offset < total:
            listing = await self._listing(offset)
            total, offset = listing.total, offset + _MOST
            for key in sorted({*listing.entries, *listing.unreadable}):
                yield Shown(
                    key,
                    listing.entries.get(key),
                    listing.unreadable.get(key, ""),
                    _is_earlier(headers.get(key), newest),
                )

    async def value(self, key: str) -> Entry | None:
        """Read one value."""
        return await self._run(self._operations.entry(self.scope, key, None))

    async def resolved(self, text: str) -> str | None:
        """Return the worker value that a reference stands for, or the value that it is."""
        reference = references.referred(text)
        if reference is None:
            return text
        found = references.resolve(reference)
        if found is None:
            # A small value, kept in the reference's place.
            return reference
        place = layout.place(self._store.namespace, found[0], of_worker=True)
        return await self._run(Get(place, found[1], codec=self._store.codec))

    async def set(self, key: str, value: str, expires_at: datetime | None) -> None:
        """Write a value, for the present run."""
        run = await self._present_run()
        await self._write(self._operations.set_by_api(self.scope, key, value, expires_at, run))

    async def update(self, key: str, value: str) -> bool:
        """Write another value with the expiry and the run of the present one, if there is one."""
        header = (await self._headers()).get(key)
        entry = await self.value(key)
        if entry is None or header is None:
            return False
        if isinstance(self.scope, TaskScope):
            run = KnownRun.of_incarnation(self.scope, header.incarnation)
            await self._write(self._operations.overwrite(self.scope, key, value, entry, run))
        else:
            await self.set(key, value, entry.expires_at)
        return True

    async def delete(self, key: str) -> None:
        """Delete a value."""
        await self._write(self._operations.delete(self.scope, key))

    async def clear(self, *, all_map_indices: bool) -> None:
        """Delete all values of the scope, or of all map indices of its task."""
        await self._write(self._operations.clear(self.scope, all_map_indices=all_map_indices))

    async def survey(self) -> Survey:
        """Count what the scope keeps, or all map indices of its task."""
        return await arun(lambda: self._store.client, self._operations.survey(self.scope, None))

    async def _present_run(self) -> KnownRun | None:
        if not isinstance(self.scope, TaskScope):
            return None
        found = await anyio.to_thread.run_sync(look_up, self.scope)
        if found is not None:
            return found
        headers = (await self._headers()).values()
        newest = max(headers, key=lambda each: each.updated_at, default=None)
        known = envelope.UNKNOWN if newest is None else newest.incarnation
        return KnownRun.of_incarnation(self.scope, known)

    async def _headers(self) -> dict[str, Envelope]:
        place, position, found = layout.place(self._store.namespace, self.scope), Position(), {}
        while True:
            walked: Walked = await self._run(WalkPages([place.page], position))
            for seen in walked.seen:
                key = place.key(seen.field)
                if key is not None and envelope.is_ours(seen.start):
                    found[key] = envelope.read_header(seen.start, place.page, key)
            if walked.next is None:
                return found
            position = walked.next

    async def _listing(self, offset: int) -> Listing:
        steps = self._operations.listing(self.scope, _MOST, offset, None)
        return await arun(lambda: self._store.client, steps)

    async def _write(self, operation: Operation[Any]) -> None:
        durability = self._store.settings.durable
        await self._run(operation if durability is None else Durable(operation, durability))

    async def _run(self, operation: Operation[T]) -> T:
        return await self._store.client.run(operation)


def _is_earlier(header: Envelope | None, newest: Envelope | None) -> bool:
    if header is None or newest is None:
        return False
    return bool(header.incarnation) and header.incarnation != newest.incarnation
