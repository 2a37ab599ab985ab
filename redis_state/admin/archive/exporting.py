"""An export: all live values of a namespace, as lines."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from datetime import UTC, datetime
from functools import partial
from typing import TypeAlias

import anyio
from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream

from redis_state.admin.archive import lines
from redis_state.admin.archive.files import Write
from redis_state.admin.archive.lines import Header, OwnerMark
from redis_state.admin.migration.piles import Pile
from redis_state.admin.migration.redis_values import RedisValues
from redis_state.admin.migration.values import BATCH_SIZE, Problem, Value
from redis_state.admin.patience import patiently
from redis_state.admin.store import Store
from redis_state.admin.tasks import task_group
from redis_state.admin.walking import Walk
from redis_state.errors import StateStoreError
from redis_state.format import envelope
from redis_state.format.layout import place
from redis_state.operations.owner import ReadOwner
from redis_state.scopes import StateScope

OnProgress: TypeAlias = Callable[[int, int], None]
# Piles that are read and written together.
_TOGETHER = 4
_MOST_PROBLEMS = 20


class Export:
    """Writes what a walk meets; encrypted values stay encrypted, unless they are to be read."""

    def __init__(self, store: Store, write: Write, *, decrypts: bool = False) -> None:
        self._store = store
        self._values = RedisValues(store.client, store.settings, keeps_envelopes=True)
        self._write = write
        self._decrypts = decrypts
        self._large = anyio.Lock()
        self.written = 0
        self.unreadable = 0
        # The first of them.
        self.problems: list[Problem] = []

    async def run(
        self, walk: Walk, is_wanted: Callable[[StateScope], bool], on_progress: OnProgress
    ) -> None:
        """Write the header, all values, and how many they are."""
        await self._write(lines.header_line(await self._header()))
        sending, receiving = anyio.create_memory_object_stream[Pile](0)
        async with task_group() as tasks, receiving:
            tasks.start_soon(partial(self._walk, walk, is_wanted, sending, on_progress))
            for _ in range(_TOGETHER):
                tasks.start_soon(self._write_piles, receiving.clone())
        await self._write(lines.end_line(self.written, self.unreadable))

    async def _header(self) -> Header:
        owner = await patiently(partial(self._store.client.run, ReadOwner(self._store.namespace)))
        mark = None if owner is None else OwnerMark(database=owner.database, since=owner.since)
        encrypts = bool(self._store.codec.newest_key_id)
        fields = {
            "redis-state": lines.FORMAT,
            "namespace": self._store.namespace,
            "owner": mark,
            "exported_at": f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%S.%fZ}",
            "encrypted": encrypts and not self._decrypts,
        }
        return Header.model_validate(fields)

    async def _walk(
        self,
        walk: Walk,
        is_wanted: Callable[[StateScope], bool],
        sending: MemoryObjectSendStream[Pile],
        on_progress: OnProgress,
    ) -> None:
        pile = Pile(BATCH_SIZE)
        async with sending, walk.batches() as batches:
            async for batch in batches:
                for page, field in batch.unreadable:
                    self._note(Problem(f"{page} {field!r}", "is not redis-state's"))
                now = envelope.now()
                for found in batch.values:
                    if found.header.is_live(now) and is_wanted(found.scope):
                        pile.add(found)
                    if pile.is_full:
                        await sending.send(pile)
                        pile = Pile(BATCH_SIZE)
                on_progress(walk.done, walk.total)
            await sending.send(pile)

    async def _write_piles(self, piles: MemoryObjectReceiveStream[Pile]) -> None:
        async with piles:
            async for pile in piles:
                # Large values one after another, so that memory stays bounded.
                async with nullcontext() if pile.is_small else self._large:
                    await self._write_pile(pile)

    async def _write_pile(self, pile: Pile) -> None:
        values, problems = await self._values.met(pile.found.values())
        for problem in problems:
            self._note(problem)
        written = [line for each in values if (line := self._line(each))]
        await self._write(b"".join(written))
        self.written += len(written)

    def _line(self, value: Value) -> bytes | None:
        """Return the line of a value; nothing for one that has expired, or cannot be read."""
        if value.is_over():
            return None
        try:
            if not self._decrypts and envelope.is_encrypted(value.body):
                return lines.value_line(value, is_raw=True)
            spot = value.spot
            at = place(self._store.namespace, spot.scope, of_worker=spot.of_worker)
            text = self._store.codec.decode(value.body, at, spot.key).text
            return lines.value_line(value._replace(body=envelope.to_bytes(text)), is_raw=False)
        except StateStoreError as error:
            self._note(Problem(str(value.spot), str(error)))
            return None

    def _note(self, problem: Problem) -> None:
        self.unreadable += 1
        if len(self.problems) < _MOST_PROBLEMS:
            self.problems.append(problem)
