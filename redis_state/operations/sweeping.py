"""The operations of a sweep: values go only if they are as they were met, by their headers.

Whoever has written one meanwhile has given it another header. What an operation comes to is the
fields that stay.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import chain
from typing import TypeAlias

from redis_state.format.references import MARK
from redis_state.operations import scripts
from redis_state.operations.asset_refs import Asset, removal_of
from redis_state.operations.operation import (
    Argument,
    Batch,
    Capabilities,
    Operation,
    Replies,
    ScriptCall,
)

# From fields to the headers that they were met with.
Met: TypeAlias = Mapping[bytes, bytes]
# What earlier deletions left of an asset's worker values, and this one takes up.
_LEFT = 500


class SweepTask(Operation[list[bytes]]):
    """Remove values of one page of a task, and the worker values beside them that are not new.

    ``new_from`` is the moment in milliseconds from which on a worker value counts as new.
    """

    __slots__ = ("_met", "_new_from", "_pages")

    def __init__(self, page: str, worker_page: str | None, new_from: int, met: Met) -> None:
        self._pages = (page,) if worker_page is None else (page, worker_page)
        self._new_from = new_from
        self._met = met

    @property
    def page(self) -> str:
        return self._pages[0]

    def begin(self, server: Capabilities) -> Batch:
        script = scripts.FIELD_SWEEP_TASK if server.field_expiry else scripts.HASH_SWEEP_TASK
        return [ScriptCall(script, self._pages, (self._new_from, *_flat(self._met)))]

    def end(self, replies: Replies) -> list[bytes]:
        return list(replies[0])


class SweepWorker(Operation[list[bytes]]):
    """Remove worker values of one page; with a page of references, those that have none there."""

    __slots__ = ("_met", "_pages")

    def __init__(self, page: str, references_page: str | None, met: Met) -> None:
        self._pages = (page,) if references_page is None else (page, references_page)
        self._met = met

    @property
    def page(self) -> str:
        return self._pages[0]

    def begin(self, server: Capabilities) -> Batch:
        script = scripts.FIELD_SWEEP_WORKER if server.field_expiry else scripts.HASH_SWEEP_WORKER
        return [ScriptCall(script, self._pages, (MARK, *_flat(self._met)))]

    def end(self, replies: Replies) -> list[bytes]:
        return list(replies[0])


class SweepAsset(Operation[list[bytes]]):
    """Remove values of an asset, and what they refer to."""

    __slots__ = ("_asset", "_met")

    def __init__(self, asset: Asset, met: Met) -> None:
        self._asset = asset
        self._met = met

    @property
    def page(self) -> str:
        return self._asset.place.page

    def begin(self, server: Capabilities) -> Batch:
        script = scripts.FIELD_SWEEP_ASSET if server.field_expiry else scripts.HASH_SWEEP_ASSET
        return [ScriptCall(script, self._asset.pages, (MARK, _LEFT, *_flat(self._met)))]

    def end(self, replies: Replies) -> list[bytes] | Operation[list[bytes]]:
        changed, superseded = replies[0]
        removal = removal_of(self._asset, superseded)
        return list(changed) if removal is None else _After(removal, list(changed))


class _After(Operation[list[bytes]]):
    """Come to a result once an operation is done."""

    __slots__ = ("_operation", "_result")

    def __init__(self, operation: Operation[None], result: list[bytes]) -> None:
        self._operation = operation
        self._result = result

    @property
    def page(self) -> str:
        return self._operation.page

    def begin(self, server: Capabilities) -> Batch:
        return self._operation.begin(server)

    def end(self, replies: Replies) -> list[bytes] | Operation[list[bytes]]:
        going_on = self._operation.end(replies)
        return self._result if going_on is None else _After(going_on, self._result)


class Referring(Operation[list[bytes]]):
    """Tell which fields of a page may hold a reference."""

    __slots__ = ("_fields", "_page")

    def __init__(self, page: str, fields: Sequence[bytes]) -> None:
        self._page = page
        self._fields = fields

    @property
    def page(self) -> str:
        return self._page

    def begin(self, _: Capabilities) -> Batch:
        return [ScriptCall(scripts.REFERRING, (self._page,), (MARK, *self._fields))]

    def end(self, replies: Replies) -> list[bytes]:
        return list(replies[0])


def _flat(met: Met) -> tuple[Argument, ...]:
    return tuple(chain.from_iterable(met.items()))
