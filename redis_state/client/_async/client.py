"""The client: it tries an operation until its result, or its budget's end."""

from __future__ import annotations

import time
from collections.abc import Hashable
from typing import Any, TypeVar

from redis_state.client._async.exchange import ask, exchange
from redis_state.client._async.routes import routes
from redis_state.client.io.runtime_async import BLOCKS, open_link, sleep
from redis_state.client.policy.abandoned import QUESTION, Abandoned
from redis_state.client.policy.attempts import (
    AttemptError,
    CrowdedError,
    RedirectedError,
    UnsentError,
)
from redis_state.client.policy.breaker import LOOKS_AGAIN, Observer, Turn
from redis_state.client.policy.budget import Budget
from redis_state.client.policy.giving_up import give_up
from redis_state.config.settings import Settings
from redis_state.config.url import Server
from redis_state.errors import StateStoreError
from redis_state.operations.operation import PROBE, Operation

T = TypeVar("T")


class AsyncClient:
    """Runs operations, any number at a time; connects when first used."""

    def __init__(self, settings: Settings, observer: Observer | None = None) -> None:
        self._settings = settings
        self._budget = settings.budget
        self._observer = observer
        self._questions = [*PROBE, QUESTION]
        self._routes = routes(settings, observer)

    async def run(self, operation: Operation[T]) -> T:
        """Run an operation to its result, or to one typed error when the budget is used up."""
        begun = time.monotonic()
        result = await self._step(operation, begun)
        while isinstance(result, Operation):
            result = await self._step(result, begun)
        return result

    def group_of(self, operation: Operation[Any]) -> Hashable:
        """Return what operations have in common that go to the same server, as far as known."""
        return self._routes.group_of(operation)

    async def servers(self) -> list[Server]:
        """List the servers that have the state: the one, the current master, or each master."""
        budget = Budget(self._settings, time.monotonic())
        try:
            return await self._routes.servers(budget)
        except AttemptError as error:
            raise budget.give_up(error) from error

    async def run_at(self, server: Server, operation: Operation[T]) -> T:
        """Run an operation at one server, step by step on one connection, without a second try."""
        budget = Budget(self._settings, time.monotonic(), is_large=True)
        try:
            link = await open_link(
                self._settings,
                server,
                budget.deadline,
                within=self._settings.connect_timeout,
                sentinel=self._settings.deployment.is_sentinel(server),
            )
            try:
                able = await ask(
                    link, self._settings, self._questions, Abandoned(), budget.attempt_ends()
                )
                result = await exchange(link, operation, able, budget.attempt_ends())
                while isinstance(result, Operation):
                    ends = time.monotonic() + self._settings.timeout
                    result = await exchange(link, result, able, ends)
                return result
            finally:
                link.close()
        except AttemptError as error:
            raise give_up(error, server, self._settings.budget) from error

    def close(self) -> None:
        """Close the connections that nobody uses; a later call opens new ones."""
        self._routes.close()

    async def _step(self, operation: Operation[T], begun: float) -> T | Operation[T]:
        node = self._routes.known(operation) or await self._routes.look()
        failure: AttemptError | None = None
        is_large = operation.lingers > 0
        if node is not None and not is_large and not node.breaker.is_open:
            try:
                lane = await node.lane(begun)
                if lane is not None:
                    result = await node.on_lane(lane, operation, begun + self._budget)
                    if node.breaker.is_failing:
                        node.breaker.answered()
                    return result
            except CrowdedError:
                is_large = True
            except UnsentError as error:
                node.breaker.note(error, begun)
                is_large = True
            except AttemptError as error:
                node.breaker.note(error, begun)
                failure = error
        budget = Budget(self._settings, begun, is_large, operation.lingers)
        return await self._with_retries(operation, budget, failure)

    async def _with_retries(
        self, operation: Operation[T], budget: Budget, failure: AttemptError | None
    ) -> T | Operation[T]:
        turn = Turn(is_blocking=BLOCKS)
        try:
            while True:
                if failure is not None:
                    pause = budget.pause(failure)
                    if self._observer is not None:
                        self._observer.retried()
                    await sleep(pause)
                try:
                    return await self._attempt(operation, budget, failure, turn)
                except AttemptError as error:
                    failure = error
        finally:
            if turn.held:
                turn.held[0].give_back(turn.held[0])

    async def _attempt(
        self,
        operation: Operation[T],
        budget: Budget,
        failure: AttemptError | None,
        turn: Turn,
    ) -> T | Operation[T]:
        begun = time.monotonic()
        node = await self._routes.find(operation, budget, failure)
        is_asking = isinstance(failure, RedirectedError) and failure.is_asking
        # Looking now and then is all that threads could do, and both shall do the same.
        while not turn.may_try(node.breaker, budget):
            await sleep(LOOKS_AGAIN)
        try:
            result = await node.in_pool(operation, budget, is_asking=is_asking)
        except AttemptError as error:
            node.breaker.note(error, begun)
            raise
        except StateStoreError:
            node.breaker.answered()
            raise
        node.breaker.answered()
        return result
