"""A namespace of Redis as a side of a migration."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

from anyio.streams.memory import MemoryObjectSendStream

from redis_state.admin.migration.piles import Pile, by_page, head_of, parts
from redis_state.admin.migration.redis_values import RedisValues
from redis_state.admin.migration.values import (
    BATCH_SIZE,
    Batch,
    Lookup,
    Outcome,
    Problem,
    Spot,
    Value,
    Written,
)
from redis_state.admin.walking import Walk
from redis_state.client._async.client import AsyncClient
from redis_state.config.settings import Settings
from redis_state.errors import StateStoreError
from redis_state.format import envelope
from redis_state.format.layout import Place
from redis_state.operations.copying import Copied, Copy, CopyValues, Discard, ReadFields

_Step: TypeAlias = tuple[str, list[tuple[Place, Value]]]

_FOREIGN = "is not written: what is there is not redis-state's, see it and delete it"
_TOO_LARGE = "is not written: it is larger than [redis_state] max_value_bytes"
_OUTCOMES = {
    Copied.WRITTEN: Outcome.WRITTEN,
    Copied.SAME: Outcome.THERE,
    Copied.NEWER: Outcome.NEWER,
    Copied.FOREIGN: Outcome.REFUSED,
}


class RedisSide:
    """Reads and writes envelopes, and what is in them.

    ``keeps_envelopes`` where the other side is the same namespace elsewhere: then no value is
    decoded. ``of_workers`` where the other side takes worker values, too. ``leaves_same_time``
    where a live value of the same millisecond stays, though it is not the same.
    """

    unit = "Redis keys"

    def __init__(
        self,
        client: AsyncClient,
        settings: Settings,
        *,
        keeps_envelopes: bool = False,
        of_workers: bool = False,
        leaves_same_time: bool = False,
        batch_size: int = BATCH_SIZE,
    ) -> None:
        self.name = f"{settings.deployment}, namespace {settings.namespace!r}"
        self._batch_size = batch_size
        self._client = client
        self._namespace = settings.namespace
        self._largest = settings.max_value_bytes
        self._keeps_envelopes = keeps_envelopes
        self._values = RedisValues(client, settings, keeps_envelopes=keeps_envelopes)
        self._of_workers = of_workers
        self._leaves_same_time = leaves_same_time

    async def read(
        self, since: int, batches: MemoryObjectSendStream[Batch], *, with_bodies: bool = True
    ) -> None:
        walk = Walk(self._client, self._namespace, with_values=with_bodies, since=since)
        pile = Pile(self._batch_size)
        async with walk.batches() as met:
            async for batch in met:
                pile.unreadable += [
                    Problem(f"{page} {field!r}", "is not redis-state's")
                    for page, field in batch.unreadable
                ]
                for found in batch.values:
                    if self._of_workers or not found.of_worker:
                        pile.add(found)
                    if pile.is_full:
                        await self._send(walk, pile, batches, with_bodies=with_bodies)
        await self._send(walk, pile, batches, with_bodies=with_bodies)

    async def find(self, values: Sequence[Value]) -> Lookup:
        return Lookup(await self._values.named(value.spot for value in values), set())

    async def write(self, values: Sequence[Value]) -> Written:
        outcomes = dict.fromkeys((value.spot for value in values), Outcome.REFUSED)
        fitting = [value for value in values if self._fits(value)]
        pages = by_page((self._values.place(value.spot), value) for value in fitting)
        await self._write_parts(list(parts(pages, lambda pair: len(pair[1].body))), outcomes)
        problems = [
            Problem(str(value.spot), _FOREIGN if self._fits(value) else _TOO_LARGE)
            for value in values
            if outcomes[value.spot] is Outcome.REFUSED
        ]
        return Written([outcomes[value.spot] for value in values], problems)

    async def remove(self, values: Sequence[Value]) -> int:
        pages = by_page((self._values.place(value.spot), value) for value in values)
        discards = [
            Discard(page, [(at.field(value.spot.key), _header(value)) for at, value in part])
            for page, part in parts(pages, lambda _: 0)
        ]
        return sum(await self._values.run_each(discards))

    def _fits(self, value: Value) -> bool:
        return len(value.body) <= self._largest + envelope.SIZE

    async def _send(
        self,
        walk: Walk,
        pile: Pile,
        batches: MemoryObjectSendStream[Batch],
        *,
        with_bodies: bool,
    ) -> None:
        batch = Batch(unreadable=pile.unreadable, done=walk.done, total=walk.total)
        if with_bodies:
            batch.values, problems = await self._values.met(pile.found.values())
            batch.unreadable = batch.unreadable + problems
        else:
            batch.values = [head_of(each) for each in pile.found.values()]
        pile.clear()
        await batches.send(batch)

    def _envelope(self, value: Value, at: Place) -> bytes:
        if self._keeps_envelopes:
            return value.body
        moment, until = value.updated_at * 1000, value.expires_at
        return self._values.codec.encode(
            value.body, moment, until, value.incarnation, at, value.spot.key
        )

    async def _write_parts(self, steps: Sequence[_Step], outcomes: dict[Spot, Outcome]) -> None:
        copies = [
            [Copy(at.field(value.spot.key), self._envelope(value, at)) for at, value in part]
            for _, part in steps
        ]
        writes = [CopyValues(page, made) for (page, _), made in zip(steps, copies, strict=True)]
        unclear: list[tuple[Place, Value, Copy]] = []
        told = await self._values.run_each(writes)
        for (_, part), made, became in zip(steps, copies, told, strict=True):
            for (at, value), copy, each in zip(part, made, became, strict=True):
                if each is Copied.SAME_TIME:
                    unclear.append((at, value, copy))
                else:
                    outcomes[value.spot] = _OUTCOMES[each]
        await self._replace(unclear, outcomes)

    async def _replace(
        self, unclear: Sequence[tuple[Place, Value, Copy]], outcomes: dict[Spot, Outcome]
    ) -> None:
        """Write over values of the same millisecond, but for those that say the same."""
        reads = [ReadFields(at.page, [copy.field]) for at, _, copy in unclear]
        others: list[tuple[Spot, CopyValues]] = []
        raws = await self._values.run_each(reads)
        for (at, value, copy), (raw,) in zip(unclear, raws, strict=True):
            if raw is not None and self._says(raw, value, at.page):
                outcomes[value.spot] = Outcome.THERE
            else:
                write = CopyValues(at.page, [copy._replace(replaced=raw or b"")])
                others.append((value.spot, write))
        told = await self._values.run_each([write for _, write in others])
        for (spot, _), (became,) in zip(others, told, strict=True):
            # Of the same millisecond again: others are writing there.
            outcomes[spot] = _OUTCOMES.get(became, Outcome.NEWER)

    def _says(self, raw: bytes, value: Value, page: str) -> bool:
        try:
            if self._leaves_same_time:
                return envelope.read_header(raw, "?", "?").is_live(envelope.now())
            return self._values.value(value.spot, raw, page).equals(value)
        except StateStoreError:
            return False


def _header(value: Value) -> bytes:
    moment, until = value.updated_at * 1000, value.expires_at
    return envelope.encode(b"", moment, until, value.incarnation)
