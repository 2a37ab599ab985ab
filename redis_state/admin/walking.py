"""All values of a namespace: met on all masters at once, in short steps.

Each step takes a server about a millisecond, and others are served between two. What is under way
here is bounded, however much a namespace holds. A value that is there all the time is met at least
once; one that is written meanwhile may be met twice or not at all, as `SCAN` has it.
"""

from __future__ import annotations

import base64
import json
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import NamedTuple, TypeAlias, TypeVar

import anyio
from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream

from redis_state.admin.patience import patiently
from redis_state.admin.tasks import for_each, task_group
from redis_state.admin.together import run_together
from redis_state.client._async.client import AsyncClient
from redis_state.config.url import Server
from redis_state.errors import InvalidInputError, StateStoreError
from redis_state.format import envelope
from redis_state.format.envelope import Envelope
from redis_state.format.pages import Page, read_page
from redis_state.operations.operation import Operation
from redis_state.operations.reencrypt import CountKeys, ScanPages
from redis_state.operations.survey import (
    MeasureEach,
    Seen,
    Walked,
    WalkPages,
)
from redis_state.scopes import StateScope

T = TypeVar("T")
# Pages that one round trip asks for, and how many of these are under way at a master.
_TOGETHER = 50
_AT_A_TIME = 4
_START, _END = "0", "end"


class Found(NamedTuple):
    """A value that was met: whose it is, where it lies, its times, and its bytes."""

    scope: StateScope
    key: str
    page: str
    field: bytes
    # Without its text.
    header: Envelope
    size: int
    of_worker: bool
    # All of its bytes, where they came along.
    raw: bytes | None = None


@dataclass(slots=True)
class Batch:
    """Some values that were met together, dead ones too; the rest is bookkeeping."""

    values: list[Found] = field(default_factory=list)
    # Fields whose bytes are not ours, as page and field.
    unreadable: list[tuple[str, bytes]] = field(default_factory=list)
    # Pages that have no more values than these; and the memory of each, where that is asked.
    ended: list[tuple[Page, int | None]] = field(default_factory=list)
    # Keys of the server that are behind, and where the walk goes on there.
    keys: int = 0
    reached: tuple[str, str] | None = None


Cursor: TypeAlias = dict[str, str]


def cursor_text(cursor: Cursor) -> str:
    """Write a cursor as one word."""
    return base64.urlsafe_b64encode(json.dumps(cursor).encode()).decode().rstrip("=")


def read_cursor(text: str) -> Cursor:
    """Read a cursor, as `cursor_text` wrote it."""
    try:
        found = json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
        if isinstance(found, dict) and all(isinstance(each, str) for each in found.values()):
            return found
    except ValueError:
        pass
    raise InvalidInputError("This is no cursor: use the one that the command before has told.")


class Walk:
    """One pass through a namespace, or through the pages that begin with ``prefix``.

    ``since``: through what was written since then, in milliseconds, and what is not ours.
    """

    def __init__(
        self,
        client: AsyncClient,
        namespace: str,
        *,
        prefix: str = "",
        wanted: Callable[[Page], bool] = lambda _: True,
        start: Cursor | None = None,
        measures: bool = False,
        with_values: bool = False,
        since: int = 0,
    ) -> None:
        self._client = client
        self._namespace = namespace
        self._prefix = prefix
        self._wanted = wanted
        self._measures = measures
        self._step = partial(WalkPages, with_values=with_values, since=since)
        self.cursor: Cursor = dict(start or {})
        # About how many keys are behind, of how many.
        self.done = 0
        self.total = 0

    @property
    def is_complete(self) -> bool:
        """Tell whether all was met."""
        return bool(self.cursor) and all(each == _END for each in self.cursor.values())

    @asynccontextmanager
    async def batches(self) -> AsyncIterator[AsyncIterator[Batch]]:
        """Begin the walk; leaving the context ends it."""
        servers = await patiently(self._client.servers)
        for server in servers:
            self.total += await patiently(partial(self._client.run_at, server, CountKeys()))
        sending, receiving = anyio.create_memory_object_stream[Batch](_AT_A_TIME)
        # The receiving end outlives the senders, which would take its end for an error.
        async with receiving, task_group() as tasks:
            for server in servers:
                start = self.cursor.setdefault(str(server), _START)
                tasks.start_soon(self._walk_server, server, start, sending.clone())
            sending.close()
            async with aclosing(self._each(receiving)) as batches:
                yield batches
            tasks.cancel_scope.cancel()

    async def _each(self, receiving: MemoryObjectReceiveStream[Batch]) -> AsyncGenerator[Batch]:
        async for batch in receiving:
            yield batch
            # Whoever asks for the next one has dealt with this.
            self.done = min(self.done + batch.keys, self.total)
            if batch.reached is not None:
                server, cursor = batch.reached
                self.cursor[server] = cursor
        self.done = self.total

    async def _walk_server(
        self, server: Server, cursor: str, sending: MemoryObjectSendStream[Batch]
    ) -> None:
        async with sending:
            while cursor != _END:
                scan = ScanPages(self._namespace, cursor.encode(), self._prefix)
                following, pages = await patiently(partial(self._client.run_at, server, scan))
                await self._walk_pages(self._wanted_of(pages), sending)
                cursor = _END if following == b"0" else following.decode()
                await sending.send(Batch(keys=scan.COUNT, reached=(str(server), cursor)))

    def _wanted_of(self, names: Sequence[bytes]) -> list[Page]:
        pages = (read_page(self._namespace, name) for name in names)
        return [page for page in pages if page is not None and self._wanted(page)]

    async def _walk_pages(
        self, pages: Sequence[Page], sending: MemoryObjectSendStream[Batch]
    ) -> None:
        async def walk(together: Sequence[Page]) -> None:
            await self._walk_together(together, sending)

        parts = [pages[at : at + _TOGETHER] for at in range(0, len(pages), _TOGETHER)]
        await for_each(parts, walk, at_a_time=_AT_A_TIME)

    async def _walk_together(
        self, pages: Sequence[Page], sending: MemoryObjectSendStream[Batch]
    ) -> None:
        names, batch = [page.name for page in pages], Batch()
        sizes = await self._measured(names)
        for page, size, walked in zip(pages, sizes, await self._first_steps(names), strict=True):
            position = walked.next
            _add(batch, page, walked.seen)
            while position is not None:
                await sending.send(batch)
                more = await self._run(self._step([page.name], position))
                batch, position = Batch(), more.next
                _add(batch, page, more.seen)
            batch.ended.append((page, size))
        await sending.send(batch)

    async def _first_steps(self, pages: Sequence[str]) -> list[Walked]:
        steps = [self._step([page]) for page in pages]
        return await run_together(self._client, steps, self._run)

    async def _run(self, operation: Operation[T]) -> T:
        return await patiently(partial(self._client.run, operation))

    async def _measured(self, pages: Sequence[str]) -> list[int | None]:
        if not self._measures:
            return [None] * len(pages)
        return await self._run(MeasureEach(pages))


def _add(batch: Batch, page: Page, seen: Sequence[Seen]) -> None:
    for each in seen:
        found = _found(page, each)
        if found is None:
            batch.unreadable.append((each.page, each.field))
        else:
            batch.values.append(found)


def _found(page: Page, seen: Seen) -> Found | None:
    parsed = page.parse(seen.field)
    if parsed is None:
        return None
    scope, key = parsed
    try:
        header = envelope.read_header(seen.start, page.name, key)
    except StateStoreError:
        return None
    size = seen.size - envelope.SIZE
    raw = seen.start if len(seen.start) == seen.size else None
    return Found(scope, key, page.name, seen.field, header, size, page.of_worker, raw)
