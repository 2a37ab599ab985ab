"""The client of one event loop: a pool of links that runs operations in their budget."""

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
        self._idle: list[AsyncLink] = []
        self._free = asyncio.Semaphore(settings.pool_size)

    async def run(self, operation: Operation[T]) -> T:
        """Run an operation to its result, or to one typed error when the budget is used up."""
        budget = Budget(self._settings)
        while True:
            await self._reserve(budget)
            link, fresh = None, True
            try:
                link, fresh = await self._link(budget)
                result = await self._drive(link, operation, budget.attempt_ends())
            except BrokenError as failure:
                self.close()
                pause = budget.pause(failure, at_once=not fresh)
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
            if self._on_retry is not None:
                self._on_retry()
            await asyncio.sleep(pause)

    def close(self) -> None:
        """Close the idle connections; a later call opens new ones."""
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
        steps = operation(link.capabilities)
        try:
            batch = next(steps)
            while True:
                batch = steps.send(await self._exchange(link, batch, deadline))
        except StopIteration as end:
            result: T = end.value
            return result

    async def _ask(self, link: AsyncLink, deadline: float) -> Capabilities:
        # Of each connection anew: the server behind it may be another since the last.
        replies = await link.exchange(wire.pack(PROBE), len(PROBE), deadline)
        return read_capabilities(replies, self._settings.server)

    async def _exchange(self, link: AsyncLink, batch: Batch, deadline: float) -> Replies:
        replies = await link.exchange(wire.pack(batch), len(batch), deadline)
        try:
            check(replies, self._settings.server)
        except UnknownScriptError:
            packed = wire.pack(batch, with_texts=True)
            replies = await link.exchange(packed, len(batch), deadline)
            check(replies, self._settings.server)
        return replies
