"""The values of a namespace of Redis, read as a migration and an export want them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TypeVar

from redis_state.admin.migration.piles import by_page, parts, spot_of
from redis_state.admin.migration.values import Problem, Spot, Value
from redis_state.admin.patience import patiently
from redis_state.admin.together import run_each
from redis_state.admin.walking import Found
from redis_state.client._async.client import AsyncClient
from redis_state.config.settings import Settings
from redis_state.errors import StateStoreError, UnavailableError
from redis_state.format import envelope
from redis_state.format.codec import Codec
from redis_state.format.envelope import Envelope
from redis_state.format.layout import Place, place
from redis_state.operations.copying import ReadFields
from redis_state.operations.operation import Operation

T = TypeVar("T")


class RedisValues:
    """Reads values; where ``keeps_envelopes``, none is decoded."""

    def __init__(self, client: AsyncClient, settings: Settings, *, keeps_envelopes: bool) -> None:
        self._client = client
        self._namespace = settings.namespace
        self._keeps_envelopes = keeps_envelopes
        self.codec = Codec(settings)

    async def met(self, met: Iterable[Found]) -> tuple[list[Value], list[Problem]]:
        """Return values that a walk has met; those that did not come along are read."""
        reading = _Reading()
        apart = []
        for found in met:
            spot = spot_of(found)
            if found.raw is None:
                apart.append((Place(found.page), found.field, spot))
            else:
                self._take(reading, spot, found.raw, found.page, found.header)
        await self._read(apart, reading)
        return reading.values, [Problem(str(spot), why) for spot, why in reading.unreadable.items()]

    async def named(self, spots: Iterable[Spot]) -> dict[Spot, Value]:
        """Return what is there under some names."""
        reading = _Reading()
        places = ((spot, self.place(spot)) for spot in set(spots))
        await self._read(((at, at.field(spot.key), spot) for spot, at in places), reading)
        # What cannot be read is there, and equal to nothing.
        there = {spot: Value(spot, 0, 0, 0, b"") for spot in reading.unreadable}
        return there | {value.spot: value for value in reading.values}

    def value(self, spot: Spot, raw: bytes, page: str, head: Envelope | None = None) -> Value:
        """Return the value of an envelope that lies on a page; its header may have been read."""
        head = head or envelope.read_header(raw, page, spot.key)
        if self._keeps_envelopes:
            body = raw
        elif head.expires_at != envelope.NEVER and head.expires_at <= envelope.now():
            # It is not copied, so it needs no key.
            body = b""
        elif envelope.has_flags(raw):
            body = envelope.to_bytes(self.codec.decode(raw, self.place(spot), spot.key).text)
        else:
            body = envelope.to_bytes(envelope.decode(raw, page, spot.key).text)
        return Value(spot, head.updated_at // 1000, head.expires_at, head.incarnation, body)

    def place(self, spot: Spot) -> Place:
        """Return where a value lies."""
        return place(self._namespace, spot.scope, of_worker=spot.of_worker)

    async def run(self, operation: Operation[T]) -> T:
        """Do an operation, and wait for a server that is away."""

        async def call() -> T:
            try:
                return await self._client.run(operation)
            except UnavailableError as error:
                if "OOM" in str(error.__cause__):
                    raise StateStoreError(f"The target is full. {error}") from error
                raise

        return await patiently(call)

    async def run_each(self, operations: Sequence[Operation[T]]) -> list[T]:
        """Do operations of one step each, those of one server together."""
        return await run_each(self._client, operations, self.run)

    async def _read(self, fields: Iterable[tuple[Place, bytes, Spot]], reading: _Reading) -> None:
        pages = by_page((at, (field, spot)) for at, field, spot in fields)
        steps = list(parts(pages, lambda _: 0))
        reads = [ReadFields(page, [field for _, (field, _) in part]) for page, part in steps]
        for (page, part), raws in zip(steps, await self.run_each(reads), strict=True):
            for (_, (_, spot)), raw in zip(part, raws, strict=True):
                if raw is not None:
                    self._take(reading, spot, raw, page)

    def _take(
        self,
        reading: _Reading,
        spot: Spot,
        raw: bytes,
        page: str,
        head: Envelope | None = None,
    ) -> None:
        try:
            reading.values.append(self.value(spot, raw, page, head))
        except StateStoreError as error:
            reading.unreadable[spot] = str(error)


class _Reading:
    """What was read so far, and why some of it cannot be."""

    def __init__(self) -> None:
        self.values: list[Value] = []
        self.unreadable: dict[Spot, str] = {}
