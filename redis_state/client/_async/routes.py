"""Which node an operation goes to: one server, or a cluster's many."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Hashable
from functools import partial
from typing import Any, Protocol

from redis_state.client._async.cluster_routes import ClusterRoutes, stays
from redis_state.client._async.node import AsyncNode
from redis_state.client._async.sentinels import AsyncSentinels
from redis_state.client.io.runtime_async import BLOCKS
from redis_state.client.policy import sentinels
from redis_state.client.policy.attempts import AttemptError, RedirectedError
from redis_state.client.policy.breaker import Observer, on_a_loop
from redis_state.client.policy.budget import Budget
from redis_state.client.policy.giving_up import not_followed
from redis_state.config.settings import Settings
from redis_state.config.url import Server
from redis_state.errors import StateStoreError
from redis_state.operations.operation import Operation


class Routes(Protocol):
    """Finds nodes for operations."""

    def known(self, operation: Operation[Any]) -> AsyncNode | None:
        """Return the node for an operation, as far as it is known."""

    def group_of(self, operation: Operation[Any]) -> Hashable:
        """Return what operations have in common that go to the same server, as far as known."""

    async def look(self) -> AsyncNode | None:
        """Look for one that is not known, where that takes no more than a moment."""

    async def find(
        self, operation: Operation[Any], budget: Budget, failure: AttemptError | None
    ) -> AsyncNode:
        """Find the node after a failure, or where none is known."""

    async def servers(self, budget: Budget) -> list[Server]:
        """List the servers that have the state: each master."""

    def close(self) -> None:
        """Close the connections that nobody uses."""


def routes(settings: Settings, observer: Observer | None) -> Routes:
    """Return the routes of a deployment."""
    if settings.deployment.topology == "cluster":
        return ClusterRoutes(settings, observer)
    if settings.deployment.topology == "sentinel":
        return SentinelRoute(settings, observer)
    return SingleRoute(settings, observer)


class SingleRoute:
    """All goes to one server."""

    def __init__(self, settings: Settings, observer: Observer | None) -> None:
        self._server = settings.deployment.servers[0]
        self._node = AsyncNode(settings, partial(stays, self._server), observer)

    def known(self, _: Operation[Any]) -> AsyncNode:
        return self._node

    def group_of(self, _: Operation[Any]) -> Hashable:
        return None

    async def look(self) -> None:
        return None

    async def find(self, _: Operation[Any], __: Budget, failure: AttemptError | None) -> AsyncNode:
        if isinstance(failure, RedirectedError):
            raise not_followed(failure, self._server) from failure
        return self._node

    async def servers(self, _: Budget) -> list[Server]:
        return [self._server]

    def close(self) -> None:
        self._node.close()


class SentinelRoute:
    """All goes to the master that the sentinels name; a call asks again if that is a second ago.

    An old master takes itself for one until a sentinel tells it, some seconds later.
    """

    def __init__(self, settings: Settings, observer: Observer | None) -> None:
        self._sentinels = AsyncSentinels(settings)
        self._node = AsyncNode(settings, self._sentinels.locate, observer)
        self._looked_at = 0.0

    def known(self, _: Operation[Any]) -> AsyncNode | None:
        now = time.monotonic()
        if now - self._looked_at < sentinels.NEWS:
            return self._node
        self._looked_at = now
        return None

    def group_of(self, _: Operation[Any]) -> Hashable:
        return None

    async def look(self) -> AsyncNode:
        if BLOCKS and self._node.breaker.is_open and on_a_loop():
            # Who opens a connection asks the sentinels; nobody else holds up the loop for them.
            self._node.close()
        elif self._node.server is not None:
            # Without sentinels it goes on with the master that it has.
            with contextlib.suppress(AttemptError, StateStoreError):
                ends = time.monotonic() + sentinels.A_MOMENT
                self._node.turn_to(await self._sentinels.locate(ends))
        return self._node

    async def find(self, _: Operation[Any], __: Budget, failure: AttemptError | None) -> AsyncNode:
        if isinstance(failure, RedirectedError):
            raise not_followed(failure, "A server that the sentinels name") from failure
        return self._node

    async def servers(self, budget: Budget) -> list[Server]:
        return [await self._sentinels.locate(budget.locating_ends())]

    def close(self) -> None:
        self._node.close()
