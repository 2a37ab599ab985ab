"""An import: what a file has and is not there, or is older there."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from functools import partial
from typing import TypeAlias

import anyio
from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream

from redis_state.admin.archive import lines
from redis_state.admin.archive.lines import End, Header
from redis_state.admin.migration.redis_side import RedisSide
from redis_state.admin.migration.values import (
    BATCH_BYTES,
    BATCH_SIZE,
    Outcome,
    Problem,
    Value,
    Written,
)
from redis_state.admin.patience import patiently
from redis_state.admin.store import Store
from redis_state.admin.tasks import task_group
from redis_state.errors import CorruptValueError, MisconfiguredError, StateStoreError
from redis_state.operations.owner import Claim, ReadOwner
from redis_state.scopes import TaskScope

Expiry: TypeAlias = Callable[[Value], int]
# Batches that are written together.
_TOGETHER = 4
_MOST_PROBLEMS = 20


@dataclass(slots=True)
class ImportReport:
    """What became of the values of a file."""

    read: int = 0
    outcomes: Counter[Outcome] = field(default_factory=Counter)
    problems: list[Problem] = field(default_factory=list)

    @property
    def is_complete(self) -> bool:
        """Tell whether something became of each value, and none was refused."""
        return self.read == self.outcomes.total() and not self.outcomes[Outcome.REFUSED]


def expiry_of_tasks(deadline: int) -> Expiry:
    """Return the rule that gives all values of tasks a deadline, and leaves those of assets."""
    return lambda value: deadline if isinstance(value.spot.scope, TaskScope) else value.expires_at


class Import:
    """Brings the values of one file."""

    def __init__(
        self, store: Store, *, expiry: Expiry | None, any_owner: bool, is_dry_run: bool
    ) -> None:
        self._store = store
        self._side = RedisSide(store.client, store.settings, of_workers=True, leaves_same_time=True)
        self._expiry = expiry
        self._any_owner = any_owner
        self._is_dry_run = is_dry_run
        self._error: StateStoreError | None = None
        self.report = ImportReport()

    async def run(self, numbered: AsyncIterator[tuple[int, bytes]]) -> None:
        """Write the values of all lines; what stands before a damaged one is written, too."""
        header = await self._header(numbered)
        sending, receiving = anyio.create_memory_object_stream[list[Value]](0)
        async with task_group() as tasks, receiving:
            tasks.start_soon(self._read, header, numbered, sending)
            for _ in range(_TOGETHER):
                tasks.start_soon(self._write_batches, receiving.clone())
        if self._error is not None:
            raise self._error

    async def _header(self, numbered: AsyncIterator[tuple[int, bytes]]) -> Header:
        async for _, line in numbered:
            header = lines.read_header(line)
            if header.encrypted:
                self._check_encrypts()
            await self._check_owner(header)
            return header
        raise CorruptValueError("The file is empty: an export has a header at least.")

    def _check_encrypts(self) -> None:
        if not self._store.codec.newest_key_id:
            raise MisconfiguredError(
                "The file's values are encrypted, and here they would be written in plain: set "
                "[redis_state] encryption as where they come from, or export them with --decrypt."
            )

    async def _check_owner(self, header: Header) -> None:
        """Refuse a file of another Airflow's; mark a namespace that has no owner."""
        if self._any_owner:
            return
        namespace, run = self._store.namespace, self._store.client.run
        database = None if header.owner is None else header.owner.database
        owner = await patiently(partial(run, ReadOwner(namespace)))
        if owner is None and database is not None and not self._is_dry_run:
            owner = await patiently(partial(run, Claim(namespace, database)))
        if owner is not None and owner.database != database:
            whose = "has no owner" if database is None else f"is of the database {database}"
            raise MisconfiguredError(
                f"The file is another Airflow's than the namespace {namespace!r}: see whether that "
                f"is the right one, or add --any-owner. The file {whose}, the namespace is of the "
                f"database {owner.database} since {owner.since}."
            )

    async def _read(
        self,
        header: Header,
        numbered: AsyncIterator[tuple[int, bytes]],
        sending: MemoryObjectSendStream[list[Value]],
    ) -> None:
        batch: list[Value] = []
        size = 0
        async with sending:
            try:
                async with aclosing(self._values(header, numbered)) as values:
                    async for value in values:
                        batch.append(value)
                        size += len(value.body)
                        if len(batch) >= BATCH_SIZE or size >= BATCH_BYTES:
                            await sending.send(batch)
                            batch, size = [], 0
            except StateStoreError as error:
                self._error = error
            await sending.send(batch)

    async def _values(
        self, header: Header, numbered: AsyncIterator[tuple[int, bytes]]
    ) -> AsyncGenerator[Value]:
        end: End | None = None
        number = 1
        async for number, raw in numbered:
            if end is not None:
                raise lines.damaged(number, "it comes after the last one")
            line = lines.read_line(raw, number)
            if isinstance(line, End):
                end = line
                continue
            if line.raw is not None:
                self._check_encrypts()
            value = lines.value_of(line, number, header.namespace, self._store.codec)
            self.report.read += 1
            yield value if self._expiry is None else value._replace(expires_at=self._expiry(value))
        self._check_end(end, number)

    def _check_end(self, end: End | None, number: int) -> None:
        if end is None:
            raise CorruptValueError(
                f"The file was cut off: line {number} is not the last of an export."
            )
        if end.values != self.report.read:
            raise CorruptValueError(
                f"The file lacks values: it says that it has {end.values:,}, and has "
                f"{self.report.read:,}."
            )

    async def _write_batches(self, batches: MemoryObjectReceiveStream[list[Value]]) -> None:
        report = self.report
        async with batches:
            async for batch in batches:
                live = [value for value in batch if not value.is_over()]
                outcomes, problems = await self._write(live)
                report.outcomes[Outcome.EXPIRED] += len(batch) - len(live)
                report.outcomes.update(outcomes)
                report.problems += problems[: _MOST_PROBLEMS - len(report.problems)]

    async def _write(self, values: Sequence[Value]) -> Written:
        most = self._store.settings.max_key_chars
        fitting = [value for value in values if len(value.spot.key) <= most]
        written = await (self._judge(fitting) if self._is_dry_run else self._side.write(fitting))
        why = "is not written: its key is longer than [redis_state] max_key_chars"
        longer = [Problem(str(each.spot), why) for each in values if len(each.spot.key) > most]
        refused = [Outcome.REFUSED] * len(longer)
        return Written([*written.outcomes, *refused], [*written.problems, *longer])

    async def _judge(self, values: Sequence[Value]) -> Written:
        """Tell what would become of some values."""
        there = (await self._side.find(values)).there
        return Written([_outcome(value, there.get(value.spot)) for value in values], [])


def _outcome(value: Value, there: Value | None) -> Outcome:
    if there is None or there.updated_at < value.updated_at:
        return Outcome.WRITTEN
    if there.updated_at > value.updated_at:
        return Outcome.NEWER
    return Outcome.WRITTEN if there.is_over() else Outcome.THERE
