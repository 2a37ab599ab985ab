"""A namespace of Redis as a side of a migration."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

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
from redis_state.admin.tasks import for_each
from redis_state.admin.walking import Found, Walk
from redis_state.client._async.client import AsyncClient
from redis_state.config.settings import Settings
from redis_state.errors import StateStoreError
from redis_state.format import envelope
from redis_state.format.layout import Place
from redis_state.operations.copying import Copied, Copy, CopyValues, Discard, ReadFields

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
        walk = Walk(self._client, self._namespace, with_values=with_bodies)
        pile = Pile(self._batch_size)
        async with walk.batches() as met:
            async for batch in met:
                pile.unreadable += [
                    Problem(f"{page} {field!r}", "is not redis-state's")
                    for page, field in batch.unreadable
                ]
                for found in batch.values:
                    if self._is_wanted(found, since):
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
        steps = parts(pages, lambda pair: len(pair[1].body))
        await for_each(steps, partial(self._write_part, outcomes))
        problems = [
            Problem(str(value.spot), _FOREIGN if self._fits(value) else _TOO_LARGE)
            for value in values
            if outcomes[value.spot] is Outcome.REFUSED
        ]
        return Written([outcomes[value.spot] for value in values], problems)

    async def remove(self, values: Sequence[Value]) -> int:
        gone = 0

        async def remove_part(step: tuple[str, Sequence[tuple[Place, Value]]]) -> None:
            nonlocal gone
            page, part = step
            headers = [(at.field(value.spot.key), _header(value)) for at, value in part]
            removed = await self._values.run(Discard(page, headers))
            gone += removed

        pages = by_page((self._values.place(value.spot), value) for value in values)
        await for_each(parts(pages, lambda _: 0), remove_part)
        return gone

    def _fits(self, value: Value) -> bool:
        return len(value.body) <= self._largest + envelope.SIZE

    def _is_wanted(self, found: Found, since: int) -> bool:
        is_recent = found.header.updated_at >= since * 1000
        return is_recent and (self._of_workers or not found.of_worker)

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

    async def _write_part(
        self, outcomes: dict[Spot, Outcome], step: tuple[str, Sequence[tuple[Place, Value]]]
    ) -> None:
        page, part = step
        copies = [Copy(at.field(v.spot.key), self._envelope(v, at)) for at, v in part]
        told = await self._values.run(CopyValues(page, copies))
        for (at, value), copy, each in zip(part, copies, told, strict=True):
            if each is Copied.SAME_TIME:
                outcomes[value.spot] = await self._replace(at, value, copy)
            else:
                outcomes[value.spot] = _OUTCOMES[each]

    async def _replace(self, at: Place, value: Value, copy: Copy) -> Outcome:
        """Write over a value of the same millisecond, unless it says the same in other bytes."""
        (raw,) = await self._values.run(ReadFields(at.page, [copy.field]))
        if raw is not None and self._says(raw, value):
            return Outcome.THERE
        (told,) = await self._values.run(CopyValues(at.page, [copy._replace(replaced=raw or b"")]))
        # Of the same millisecond again: others are writing there.
        return _OUTCOMES.get(told, Outcome.NEWER)

    def _says(self, raw: bytes, value: Value) -> bool:
        try:
            if self._leaves_same_time:
                return envelope.read_header(raw, "?", "?").is_live(envelope.now())
            return self._values.value(value.spot, raw).equals(value)
        except StateStoreError:
            return False


def _header(value: Value) -> bytes:
    moment, until = value.updated_at * 1000, value.expires_at
    return envelope.encode(b"", moment, until, value.incarnation)
