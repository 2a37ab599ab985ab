"""The client of one event loop: a fast lane, and a pool of links behind it.

What an operation meets on the lane that is no result, the pool meets again with all patience: there
it is tried until its budget ends.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import TypeVar

from redis_state.client import wire
from redis_state.client.async_link import AsyncLink, open_link
from redis_state.client.budget import Budget
from redis_state.client.failures import (
    BrokenError,
    CrowdedError,
    ExhaustedError,
    UnknownScriptError,
    check,
    read_capabilities,
)
from redis_state.errors import StateStoreError
from redis_state.operations import PROBE, Batch, Capabilities, Operation, Replies
from redis_state.settings import Settings

T = TypeVar("T")


class AsyncClient:
    """Runs operations for the tasks of one loop; connects when first used."""

    def __init__(self, settings: Settings, on_retry: Callable[[], None] | None = None) -> None:
        self._settings = settings
        self._on_retry = on_retry
        self._attempt = min(settings.timeout, settings.budget)
        self._idle: list[AsyncLink] = []
        self._free = asyncio.Semaphore(settings.pool_size)
        self._lane: AsyncLink | None = None
        self._is_opening = False

    async def run(self, operation: Operation[T]) -> T:
        """Run an operation to its result, or to one typed error when the budget is used up."""
        begun, lane = time.monotonic(), self._lane
        failure: BrokenError | None = None
        try:
            if lane is not None or (lane := await self._open_lane(begun)) is not None:
                return await self._drive(lane, operation, begun + self._attempt)
        except CrowdedError:
            pass
        except BrokenError as error:
            self._drop_lane(lane)
            failure = error
        return await self._run_in_pool(operation, Budget(self._settings, begun), failure)

    async def _run_in_pool(
        self, operation: Operation[T], budget: Budget, failure: BrokenError | None
    ) -> T:
        fresh = False
        while True:
            if failure is not None:
                self._drop_idle()
                pause = budget.pause(failure, at_once=not fresh)
                if self._on_retry is not None:
                    self._on_retry()
                await asyncio.sleep(pause)
            await self._reserve(budget)
            link, fresh = None, True
            try:
                link, fresh = await self._link(budget)
                result = await self._drive(link, operation, budget.attempt_ends())
            except BrokenError as error:
                failure = error
            except StateStoreError:
                # The replies were read to the end: the link is sound, whatever they say.
                if link is not None:
                    self._idle.append(link)
                    link = None
                raise
            else:
                self._idle.append(link)
                link = None
                return result
            finally:
                # What is left of a link here, after a cancellation too, may have a reply under way.
                if link is not None:
                    link.close()
                self._free.release()

    def close(self) -> None:
        """Close the connections; a later call opens new ones."""
        self._drop_lane(self._lane)
        self._drop_idle()

    async def _open_lane(self, begun: float) -> AsyncLink | None:
        """Open the lane, unless it is off or another task is about to, which nobody waits for."""
        if not self._settings.fast_lane or self._is_opening:
            return None
        self._is_opening = True
        try:
            budget = Budget(self._settings, begun)
            lane = await open_link(self._settings, budget.connecting_ends(), shared=True)
            try:
                lane.capabilities = await self._ask(lane, budget.attempt_ends())
            except BaseException:
                lane.close()
                raise
            self._lane = lane
            return lane
        finally:
            self._is_opening = False

    def _drop_lane(self, lane: AsyncLink | None) -> None:
        if lane is not None:
            if self._lane is lane:
                self._lane = None
            lane.close()

    def _drop_idle(self) -> None:
        while self._idle:
            self._idle.pop().close()

    async def _reserve(self, budget: Budget) -> None:
        if not self._free.locked():
            await self._free.acquire()
            return
        try:
            async with asyncio.timeout(budget.deadline - time.monotonic()):
                await self._free.acquire()
        except TimeoutError:
            raise budget.give_up(ExhaustedError()) from None

    async def _link(self, budget: Budget) -> tuple[AsyncLink, bool]:
        if self._idle:
            return self._idle.pop(), False
        return await open_link(self._settings, budget.connecting_ends()), True

    async def _drive(self, link: AsyncLink, operation: Operation[T], deadline: float) -> T:
        if link.capabilities is None:
            link.capabilities = await self._ask(link, deadline)
        while True:
            batch = operation.begin(link.capabilities)
            replies: Replies = []
            if batch:
                replies = await link.exchange(wire.pack(batch), len(batch), deadline)
                if wire.has_error(replies):
                    replies = await self._explain(link, batch, replies, deadline)
            result = operation.end(replies)
            if not isinstance(result, Operation):
                return result
            operation = result

    async def _explain(
        self, link: AsyncLink, batch: Batch, replies: Replies, deadline: float
    ) -> Replies:
        """Raise what an error among the replies means, or send scripts that the server lacks."""
        try:
            check(replies, self._settings.server)
        except UnknownScriptError:
            replies = await link.exchange(wire.pack(batch, with_texts=True), len(batch), deadline)
            check(replies, self._settings.server)
        return replies

    async def _ask(self, link: AsyncLink, deadline: float) -> Capabilities:
        # Of each connection anew: the server behind it may be another since the last.
        replies = await link.exchange(wire.pack(PROBE), len(PROBE), deadline)
        return read_capabilities(replies, self._settings.server)
