"""Airflow's metadata database as a side of a migration; it is used in threads."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import TypeVar

import anyio
from anyio import to_thread
from anyio.streams.memory import MemoryObjectSendStream

from redis_state.admin.migration import rows
from redis_state.admin.migration.values import (
    BATCH_BYTES,
    BATCH_SIZE,
    Batch,
    Lookup,
    Value,
    Written,
)
from redis_state.admin.patience import patiently
from redis_state.airflow import metastore
from redis_state.airflow.metastore import Position
from redis_state.format import envelope

T = TypeVar("T")
# One reads ahead while another writes; more would only take memory.
_THREADS = 2


class DatabaseSide:
    """Reads and writes rows of Airflow's own tables."""

    name = "the metadata database"
    unit = "rows"

    def __init__(self, batch_size: int = BATCH_SIZE) -> None:
        metastore.check()
        self._batch_size = batch_size
        self._threads = anyio.CapacityLimiter(_THREADS)

    async def read(
        self, since: int, batches: MemoryObjectSendStream[Batch], *, with_bodies: bool = True
    ) -> None:
        total, done = await self._in_thread(metastore.count), 0
        position: Position | None = metastore.START
        moment = envelope.to_datetime(since * 1000) if since else None
        while position is not None:
            read = partial(
                metastore.read,
                position,
                moment,
                limit=self._batch_size,
                most_bytes=BATCH_BYTES,
                with_values=with_bodies,
            )
            found, position = await self._in_thread(read)
            done += len(found)
            await batches.send(
                Batch([rows.value_of(row) for row in found], [], done, max(done, total))
            )

    async def find(self, values: Sequence[Value]) -> Lookup:
        return await self._in_thread(partial(rows.find, values))

    async def write(self, values: Sequence[Value]) -> Written:
        return await self._in_thread(partial(rows.write, values))

    async def remove(self, values: Sequence[Value]) -> int:
        return await self._in_thread(partial(rows.remove, values))

    async def _in_thread(self, call: Callable[[], T]) -> T:
        async def once() -> T:
            return await to_thread.run_sync(call, limiter=self._threads)

        return await patiently(once)
