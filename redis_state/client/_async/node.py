"""The connections to one server: a fast lane, and a pool of links behind it.

An operation that has no result on the lane is tried again in the pool, until its budget ends.
"""

from __future__ import annotations

import contextlib
from typing import TypeVar

from redis_state.client._async.exchange import ask, exchange, renew_login
from redis_state.client.io.handshake import questions, renewal
from redis_state.client.io.runtime_async import (
    Lane,
    Link,
    Locate,
    Permits,
    Way,
    as_lane,
    in_a_forked_child,
    open_link,
)
from redis_state.client.policy.abandoned import Abandoned
from redis_state.client.policy.attempts import (
    AttemptError,
    BrokenError,
    ExhaustedError,
    ReplicaError,
    SilenceError,
    UnsentError,
)
from redis_state.client.policy.breaker import Breaker, Observer
from redis_state.client.policy.budget import Budget
from redis_state.client.policy.permits import Permit
from redis_state.client.policy.pulse import Pulse
from redis_state.config.settings import Settings
from redis_state.config.url import Server
from redis_state.errors import StateStoreError
from redis_state.operations.operation import Capabilities, Operation

T = TypeVar("T")


class AsyncNode:
    """Exchanges operations with one server; ``locate`` tells where it is, by a deadline."""

    def __init__(self, settings: Settings, locate: Locate, observer: Observer | None) -> None:
        self.server: Server | None = None
        # Whether a write was taken, so that a replica here means a failover.
        self._has_written = False
        self._pulse = Pulse()
        self._settings = settings
        self._observer = observer
        self._locate = locate
        self._questions = questions(settings.deployment)
        self._renewal = renewal(settings)
        self._start_afresh()
        in_a_forked_child(self, AsyncNode._start_afresh)

    def _start_afresh(self) -> None:
        self.breaker = Breaker(self._settings.breaker_after, self._observer, self._pulse)
        self._abandoned = Abandoned()
        self._idle: list[Link] = []
        self._free = Permits(self._settings.pool_size)
        self._lane: Lane | None = None
        self._opening = Permits(1)

    async def lane(self, begun: float) -> Lane | None:
        """Return the lane, opened if need be; None if it is off, or another call is about to.

        Where that is too slow for all that come meanwhile, they wait for it.
        """
        return self._lane or await self._open_lane(begun) or await self._await_lane(begun)

    async def on_lane(
        self, lane: Lane, operation: Operation[T], deadline: float
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
        held: list[Permit] = []
        try:
            if not await self._free.take(held, budget.deadline):
                raise ExhaustedError
            return await self._on_link(operation, budget, is_asking=is_asking)
        finally:
            if held:
                held[0].give_back(held[0])
                self._free.wake()

    async def _on_link(
        self, operation: Operation[T], budget: Budget, *, is_asking: bool
    ) -> T | Operation[T]:
        link, fresh = None, True
        try:
            link, fresh = await self._link(budget)
            link.silence, link.patient_until = budget.silence(), budget.patient_until()
            result = await self._exchange(link, operation, budget.deadline, is_asking=is_asking)
        except BrokenError as error:
            error.stale = not fresh
            if isinstance(error, ReplicaError):
                error.was_master = self._has_written
            self._drop_idle()
            if link is not None and not isinstance(error, SilenceError):
                # The other end has closed it: nothing can arrive there.
                link.identity = None
            raise
        except (AttemptError, StateStoreError):
            # The replies were read to the end: the link is sound, whatever they say.
            if link is not None:
                sound, link = link, None
                self._idle.append(sound)
            raise
        else:
            # In this order: once it is there, it may be another's.
            sound, link = link, None
            self._idle.append(sound)
            return result
        finally:
            # What is left of a link here, after a cancellation too, may have a reply under way.
            if link is not None:
                self._abandoned.add(link.identity)
                link.close()

    def turn_to(self, server: Server) -> None:
        """Leave the connections to another server, where there are any."""
        if self.server != server:
            self.server = server
            self.close()

    def close(self) -> None:
        """Close the connections that nobody uses; a later call opens new ones."""
        self._drop_lane(self._lane)
        self._drop_idle()

    async def _open_lane(self, begun: float) -> Lane | None:
        held: list[Permit] = []
        try:
            if not self._settings.fast_lane or not await self._opening.take_at_once(held):
                return None
            if self._lane is None:
                budget = Budget(self._settings, begun)
                link = await self._open(budget)
                try:
                    able = await self._ask(link, budget.deadline)
                    self._lane = as_lane(link, able, self._settings, self._room)
                except BaseException:
                    link.close()
                    raise
            return self._lane
        finally:
            if held:
                held[0].give_back(held[0])
                self._opening.wake()

    async def _await_lane(self, begun: float) -> Lane | None:
        if self._settings.fast_lane and self._room() == 0:
            await self._opening.wait(begun + self._settings.budget)
        return self._lane

    async def _open(self, budget: Budget) -> Link:
        self.server = await self._locate(budget.locating_ends())
        return await open_link(
            self._settings,
            self.server,
            budget.deadline,
            silence=budget.silence(),
            within=self._settings.connect_timeout,
            pulse=self._pulse,
        )

    def _room(self) -> int:
        return self._free.left

    def _give_up(self, lane: Lane, failure: BrokenError) -> None:
        if isinstance(failure, SilenceError) or lane.was_interrupted:
            self._abandoned.add(lane.identity)
        if self._lane is lane:
            # What idles beside it is as old, and most likely broken as well.
            self._drop_idle()
        self._drop_lane(lane)

    def _drop_lane(self, lane: Lane | None) -> None:
        """Let go of a lane, as soon as nobody uses it."""
        if lane is not None:
            if self._lane is lane:
                self._lane = None
            lane.retire()

    def _drop_idle(self) -> None:
        with contextlib.suppress(IndexError):
            while True:
                self._idle.pop().close()

    async def _link(self, budget: Budget) -> tuple[Link, bool]:
        # One that idles goes first, or is closed: a new one beside it might be one too many.
        while self._idle:
            try:
                link = self._idle.pop()
            except IndexError:
                break
            if link.server == self.server:
                if self._abandoned:
                    # So it has them closed, before anything else is sent.
                    link.capabilities = None
                return link, False
            # It came back after there was another server.
            link.close()
        return await self._open(budget), True

    async def _exchange(
        self,
        way: Way,
        operation: Operation[T],
        deadline: float,
        *,
        is_asking: bool = False,
    ) -> T | Operation[T]:
        if way.capabilities is None:
            way.capabilities = await self._ask(way, deadline)
        if self._renewal is not None and self._renewal.is_due(way.logged_in_at):
            await renew_login(way, self._renewal, deadline)
        result = await exchange(way, operation, way.capabilities, deadline, is_asking=is_asking)
        if operation.writes:
            self._has_written = True
        return result

    async def _ask(self, way: Way, deadline: float) -> Capabilities:
        return await ask(way, self._settings, self._questions, self._abandoned, deadline)
