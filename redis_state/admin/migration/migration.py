"""A migration: it copies until nothing is left to copy, and then compares value by value.

It keeps no state of its own. Whoever was stopped begins again, and finds there what was copied.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import TypeAlias

import anyio
from anyio.streams.memory import MemoryObjectReceiveStream

from redis_state.admin.migration.comparison import (
    compare,
    extra_of,
    outcome_without_writing,
    still_suspect,
)
from redis_state.admin.migration.report import Compared, Extra, OnProgress, Progress, Report
from redis_state.admin.migration.values import Batch, Outcome, Side, Value
from redis_state.admin.tasks import task_group
from redis_state.format import envelope

_Deal: TypeAlias = Callable[[Batch], Awaitable[None]]
# Batches that are read ahead, and those that are dealt with together.
_AHEAD = 2
_TOGETHER = 4
# How much earlier than a pass a value may say that it was updated: by another clock, or in a
# transaction that was open.
_MARGIN_MS = 60_000
# Where others write all the time, the last changes are left to the comparison.
_MOST_PASSES = 20


class Migration:
    """Copies from a source to a target; the steps are called one after the other."""

    def __init__(self, source: Side, target: Side) -> None:
        self._source = source
        self._target = target
        # Told how far a step is.
        self.on_progress: OnProgress | None = None
        # When the newest value of the source was updated, in milliseconds.
        self._newest = 0
        self.report = Report(source.name, target.name)

    async def copy(self, *, dry_run: bool = False) -> None:
        """Copy all, and then again what was updated meanwhile, until a pass finds nothing."""
        since = 0
        while self.report.passes < _MOST_PASSES:
            begun = envelope.now() // 1000 - _MARGIN_MS
            before = self.report.outcomes[Outcome.WRITTEN]
            deal = partial(self._copy, dry_run=dry_run)
            self.report.passes += 1
            step = "copy" if self.report.passes == 1 else "catch up"
            await self._each(self._source, deal, step, since=since)
            if dry_run or self.report.outcomes[Outcome.WRITTEN] == before:
                break
            since = begun

    async def verify(self, *, repair: bool = True) -> None:
        """Compare each value; what has changed meanwhile is copied and compared again."""
        deal = partial(self._verify, repair=repair)
        await self._each(self._source, deal, "verify")
        self.report.extra = await self._look_for_extra(remove=False)

    async def remove_extra(self) -> None:
        """Remove from the target what was deleted at the source after it had been copied."""
        self.report.extra = await self._look_for_extra(remove=True)

    async def remove_source(self) -> None:
        """Remove from the source what is at the target, too."""
        await self._each(self._source, self._remove_equal, "remove at the source")

    async def _each(
        self,
        side: Side,
        deal: _Deal,
        step: str,
        *,
        since: int = 0,
        with_bodies: bool = True,
    ) -> None:
        """Deal with all values of a side, some batches at a time, while it is read on."""
        sending, receiving = anyio.create_memory_object_stream[Batch](_AHEAD)
        done = 0

        async def read() -> None:
            async with sending:
                await side.read(since, sending, with_bodies=with_bodies)

        async def deal_with_next(batches: MemoryObjectReceiveStream[Batch]) -> None:
            nonlocal done
            async with batches:
                async for batch in batches:
                    await deal(batch)
                    # A later batch may have been dealt with before.
                    done = max(done, batch.done)
                    if self.on_progress is not None:
                        self.on_progress(Progress(step, side.unit, done, batch.total))

        async with task_group() as tasks, receiving:
            tasks.start_soon(read)
            for _ in range(_TOGETHER):
                tasks.start_soon(deal_with_next, receiving.clone())

    def _note(self, values: Sequence[Value]) -> None:
        self._newest = max([self._newest, *(value.updated_at for value in values)])

    async def _copy(self, batch: Batch, *, dry_run: bool) -> None:
        self._note(batch.values)
        report, live = self.report, [each for each in batch.values if not each.is_over()]
        if dry_run:
            lookup = await self._target.find(live)
            outcomes = [outcome_without_writing(each, lookup) for each in live]
        else:
            outcomes, problems = await self._target.write(live)
            report.note(problems)
        report.note(batch.unreadable)
        report.read += len(batch.values) + len(batch.unreadable)
        report.outcomes.update(outcomes)
        report.outcomes[Outcome.EXPIRED] += len(batch.values) - len(live)
        report.outcomes[Outcome.UNREADABLE] += len(batch.unreadable)

    async def _verify(self, batch: Batch, *, repair: bool) -> None:
        self._note(batch.values)
        report, live = self.report, [each for each in batch.values if not each.is_over()]
        lookup = await self._target.find(live)
        found = {each: compare(each, lookup) for each in live}
        suspects = still_suspect(found)
        if suspects and repair:
            found |= await self._settle(suspects)
        report.note(batch.unreadable)
        report.verified += len(batch.values) + len(batch.unreadable)
        report.compared.update(found.values())
        report.compared[Compared.EXPIRED] += len(batch.values) - len(live)
        report.compared[Compared.UNREADABLE] += len(batch.unreadable)

    async def _settle(self, suspects: list[Value]) -> dict[Value, Compared]:
        """Copy again what does not compare, as it may have changed since it was read."""
        now = (await self._source.find(suspects)).there
        current = [now[each.spot] for each in suspects if each.spot in now]
        live = [each for each in current if not each.is_over()]
        _, problems = await self._target.write(live)
        self.report.note(problems)
        lookup = await self._target.find(live)
        found = dict.fromkeys(suspects, Compared.DELETED)
        for each in suspects:
            if each.spot in now:
                found[each] = compare(now[each.spot], lookup)
        return found

    async def _look_for_extra(self, *, remove: bool) -> Counter[Extra]:
        found: Counter[Extra] = Counter()

        async def look(batch: Batch) -> None:
            live = [each for each in batch.values if not each.is_over()]
            lookup = await self._source.find(live)
            kinds = {each: extra_of(each, lookup, self._newest) for each in live}
            found.update(kind for kind in kinds.values() if kind is not None)
            if remove:
                old = [each for each, kind in kinds.items() if kind is Extra.OLD]
                removed = await self._target.remove(old)
                self.report.removed_at_target += removed

        await self._each(self._target, look, "look for more", with_bodies=False)
        return found

    async def _remove_equal(self, batch: Batch) -> None:
        live = [each for each in batch.values if not each.is_over()]
        lookup = await self._target.find(live)
        equal = [each for each in live if compare(each, lookup) is Compared.EQUAL]
        removed = await self._source.remove(equal)
        self.report.removed_at_source += removed
