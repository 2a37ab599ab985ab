"""The connections of one event loop to one server: a fast lane, and a pool of links behind it.

What an operation meets on the lane that is no result, the pool meets again with all patience.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

from redis_state.client.async_exchange import ask, exchange, renew_login
from redis_state.client.io.async_link import AsyncLink
from redis_state.client.io.async_opening import open_link
from redis_state.client.io.handshake import questions, renewal
from redis_state.client.policy.abandoned import Orphans
from redis_state.client.policy.attempts import (
    AttemptError,
    BrokenError,
    ExhaustedError,
    SilenceError,
    UnsentError,
)
from redis_state.client.policy.breaker import Breaker, Observer
from redis_state.client.policy.budget import Budget, first_attempt
from redis_state.client.policy.pulse import Pulse
from redis_state.config.settings import Settings
from redis_state.config.url import Server
from redis_state.errors import StateStoreError
from redis_state.operations.operation import Operation

T = TypeVar("T")


class AsyncNode:
    """Exchanges operations with one server; ``locate`` tells where it is, by a deadline."""

    def __init__(
        self,
        settings: Settings,
        locate: Callable[[float], Awaitable[Server]],
        observer: Observer | None,
    ) -> None:
        self._pulse = Pulse()
        self.breaker = Breaker(settings.breaker_after, observer, self._pulse)
        self.server: Server | None = None
        self._settings = settings
        self._locate = locate
        self._questions = questions(settings.deployment)
        self._renewal = renewal(settings)
        self._orphans = Orphans()
        self._idle: list[AsyncLink] = []
        self._free = asyncio.Semaphore(settings.pool_size)
        self._lane: AsyncLink | None = None
        self._opening: asyncio.Event | None = None

    async def lane(self, begun: float) -> AsyncLink | None:
        """Return the lane, opened if need be; None if it is off, or another task is about to.

        Where that is too slow for all that come meanwhile, they wait for it.
        """
        return self._lane or await self._open_lane(begun) or await self._await_lane(begun)

    async def on_lane(
        self, lane: AsyncLink, operation: Operation[T], deadline: float
    ) -> T | Operation[T]:
        """Send an operation together with those of others."""
        try:
            return await self._exchange(lane, operation, deadline)
        except BrokenError as error:
            error.stale = True
            self._give_up(lane, error)
            raise
        except UnsentError:
            if lane.failure is not None:
                self._give_up(lane, lane.failure)
            raise

    async def in_pool(
        self, operation: Operation[T], budget: Budget, *, is_asking: bool = False
    ) -> T | Operation[T]:
        """Send an operation on a connection of its own."""
        await self._reserve(budget)
        link, fresh = None, True
        try:
            link, fresh = await self._link(budget)
            link.silence, link.patient_until = budget.silence(), budget.patient_until()
            result = await self._exchange(link, operation, budget.deadline, is_asking=is_asking)
        except BrokenError as error:
            error.stale = not fresh
            self._drop_idle()
            if link is not None and not isinstance(error, SilenceError):
                # The other end has closed it: nothing can arrive there.
                link.identity = None
            raise
        except (AttemptError, StateStoreError):
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
                self._orphans.add(link.identity)
                link.close()
            self._free.release()

    def turn_to(self, server: Server) -> None:
        """Leave the connections to another server, where there are any."""
        if self.server != server:
            self.server = server
            self.close()

    def close(self) -> None:
        """Close the connections; a later call opens new ones."""
        self._drop_lane(self._lane)
        self._drop_idle()

    async def _open_lane(self, begun: float) -> AsyncLink | None:
        if not self._settings.fast_lane or self._opening is not None:
            return None
        opened = self._opening = asyncio.Event()
        try:
            budget = Budget(self._settings, begun)
            lane = await self._open(budget, shared=True)
            try:
                lane.capabilities = await ask(lane, self._questions, self._orphans, budget.deadline)
            except BaseException:
                lane.close()
                raise
            lane.silence = first_attempt(self._settings)
            lane.leaves_before = self._settings.budget - lane.silence
            lane.room = self._room
            self._lane = lane
            return lane
        finally:
            self._opening = None
            opened.set()

    async def _await_lane(self, begun: float) -> AsyncLink | None:
        if self._opening is not None and self._room() == 0:
            left = begun + self._settings.budget - time.monotonic()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(left):
                    await self._opening.wait()
        return self._lane

    async def _open(self, budget: Budget, *, shared: bool = False) -> AsyncLink:
        self.server = await self._locate(budget.locating_ends())
        return await open_link(
            self._settings,
            self.server,
            budget.deadline,
            shared=shared,
            silence=min(budget.silence(), self._settings.connect_timeout),
            within=self._settings.connect_timeout,
            pulse=self._pulse,
        )

    def _room(self) -> int:
        return 0 if self._free.locked() else self._free._value  # noqa: SLF001

    def _give_up(self, lane: AsyncLink, failure: BrokenError) -> None:
        if isinstance(failure, SilenceError):
            self._orphans.add(lane.identity)
        if self._lane is lane:
            # What idles beside it is as old, and most likely broken as well.
            self._drop_idle()
        self._drop_lane(lane)

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
            raise ExhaustedError from None

    async def _link(self, budget: Budget) -> tuple[AsyncLink, bool]:
        # One that idles goes first, or is closed: a new one beside it might be one too many.
        while self._idle:
            link = self._idle.pop()
            if link.server == self.server:
                if self._orphans:
                    # So it has them closed, before anything else is sent.
                    link.capabilities = None
                return link, False
            # It came back after there was another server.
            link.close()
        return await self._open(budget), True

    async def _exchange(
        self,
        way: AsyncLink,
        operation: Operation[T],
        deadline: float,
        *,
        is_asking: bool = False,
    ) -> T | Operation[T]:
        if way.capabilities is None:
            way.capabilities = await ask(way, self._questions, self._orphans, deadline)
        if self._renewal is not None and self._renewal.is_due(way.logged_in_at):
            await renew_login(way, self._renewal, deadline)
        return await exchange(way, operation, way.capabilities, deadline, is_asking=is_asking)
