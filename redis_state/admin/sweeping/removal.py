"""Removing values that have no owner, page by page, if they are as they were met."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from functools import partial

from redis_state.admin.patience import patiently
from redis_state.admin.store import Store
from redis_state.admin.sweeping.reasons import Ownerless, Reason
from redis_state.admin.sweeping.report import SweepReport
from redis_state.admin.tasks import for_each
from redis_state.format import envelope, layout, references
from redis_state.format.envelope import Envelope
from redis_state.format.layout import Place
from redis_state.operations.asset_refs import Asset
from redis_state.operations.operation import Operation
from redis_state.operations.sweeping import SweepAsset, SweepTask, SweepWorker
from redis_state.scopes import TaskScope

# A step looks at so many values, and at so many bytes of them: a millisecond of the server.
_VALUES = 100
_BYTES = 1_000_000


class Removal:
    """Removes values; worker values go with them where ``has_references``, unless they are new."""

    def __init__(self, store: Store, latest: int, *, has_references: bool) -> None:
        self._store = store
        # In whole milliseconds, as envelopes have it.
        self._new_from = latest // 1000 + 1
        self._has_references = has_references

    async def remove(self, ownerless: Iterable[Ownerless], report: SweepReport) -> None:
        """Remove all of them, and report those that went."""
        by_page: dict[tuple[str, Reason], list[Ownerless]] = defaultdict(list)
        for each in ownerless:
            by_page[each.found.page, each.reason].append(each)

        async def remove_step(step: list[Ownerless]) -> None:
            operation = self._operation(step)
            stay = set(await patiently(partial(self._store.client.run, operation)))
            report.add(each for each in step if each.found.field not in stay)
            report.changed += len(stay)

        await for_each(
            [step for of_page in by_page.values() for step in _steps(of_page)], remove_step
        )

    def _operation(self, step: list[Ownerless]) -> Operation[list[bytes]]:
        """Return how to remove values of one page that go for one reason."""
        (found, reason), namespace = step[0], self._store.namespace
        met = {each.found.field: _header(each.found.header) for each in step}
        if found.of_worker:
            is_task = isinstance(found.scope, TaskScope) and reason is Reason.NO_REFERENCE
            state = layout.place(namespace, found.scope).page if is_task else None
            return SweepWorker(found.page, state, met)
        if isinstance(found.scope, TaskScope):
            beside = layout.place(namespace, found.scope, of_worker=True).page
            return SweepTask(
                found.page, beside if self._has_references else None, self._new_from, met
            )
        asset = Asset(Place(found.page), self._find, self._store.codec)
        return SweepAsset(asset, met)

    def _find(self, document: str) -> tuple[Place, str] | None:
        found = references.resolve_document(document)
        if found is None:
            return None
        return layout.place(self._store.namespace, found[0], of_worker=True), found[1]


def _header(header: Envelope) -> bytes:
    """Return a header as it was met, from its times on: encryption may change the first byte."""
    whole = envelope.encode(b"", header.updated_at, header.expires_at, header.incarnation)
    return whole[envelope.UPDATED_AT.start :]


def _steps(of_page: list[Ownerless]) -> Iterator[list[Ownerless]]:
    step: list[Ownerless] = []
    size = 0
    for each in of_page:
        if step and (len(step) >= _VALUES or size + each.found.size > _BYTES):
            yield step
            step, size = [], 0
        step.append(each)
        size += each.found.size
    if step:
        yield step
