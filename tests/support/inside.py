"""The inside of a backend, for the few tests that break things there."""

from __future__ import annotations

from typing import Any

from redis_state import RedisStateBackend
from redis_state.client._async.node import AsyncNode
from redis_state.client._sync.node import SyncNode


def node_of(backend: RedisStateBackend) -> SyncNode:
    """Return what exchanges operations with the one server, for threads."""
    routes: Any = backend._client._routes
    node: SyncNode = routes._node
    return node


def async_node_of(backend: RedisStateBackend) -> AsyncNode:
    """Return what exchanges operations with the one server, for the running loop."""
    routes: Any = backend._loop_clients.current()._routes
    node: AsyncNode = routes._node
    return node
