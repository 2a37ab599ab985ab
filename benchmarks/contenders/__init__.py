"""The contenders' names, and the methods that all of them have."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol

from redis_state import TaskScope

OURS = "redis-state"
OURS_POOLED = "redis-state, lane off"
OURS_EXPRESS = "redis-state, express lane"
REDIS_PY = "redis-py"
WIRE = "bare socket"
NAIVE = "naive Redis"
DICT = "in-memory dict"
METASTORE_PURE_ASGI = "metastore, pure ASGI"
OURS_PURE_ASGI = "redis-state, pure ASGI"
OURS_EXPRESS_PURE_ASGI = "express lane, pure ASGI"
BARE_ANSWER = "bare 204"
METASTORE_SQLITE = "metastore, SQLite"
METASTORE_POSTGRESQL = "metastore, PostgreSQL"
OBJECT_STORAGE = "object storage"
HASH_PER_INDEX = "hash per index"
STRING_AND_INDEX = "string + index"

_ON_DISK = {METASTORE_SQLITE, METASTORE_POSTGRESQL, OBJECT_STORAGE}


class Store(Protocol):
    """The methods that are measured; `redis_state.RedisStateBackend` has them."""

    def get(self, scope: TaskScope, key: str) -> object:
        """Read one value."""

    def set(
        self, scope: TaskScope, key: str, value: str, *, expires_at: datetime | None = None
    ) -> object:
        """Write one value."""

    def delete(self, scope: TaskScope, key: str) -> object:
        """Remove one value."""

    def clear(self, scope: TaskScope) -> object:
        """Remove all values of an instance."""


class AsyncStore(Protocol):
    """The methods that are measured on an event loop."""

    async def aget(self, scope: TaskScope, key: str) -> object:
        """Read one value."""

    async def aset(
        self, scope: TaskScope, key: str, value: str, *, expires_at: datetime | None = None
    ) -> object:
        """Write one value."""


def share(contender: str, calls: int) -> int:
    """Return how many of the calls of a round a contender makes: fewer if it waits for a disk."""
    return max(1, calls // 10) if contender in _ON_DISK else calls
