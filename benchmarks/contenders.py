"""The two contenders behind the same verbs: our backend, and the commands by hand with redis-py.

By hand means plain hashes with a field per state key: no header with times, no checks, and bytes
where our backend returns text. It is the least that anyone could send for the same verb.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping
from datetime import datetime
from typing import Any, Protocol

import redis
import redis.asyncio

from redis_state import TaskScope

OURS = "redis-state"
BY_HAND = "by hand"


class Store(Protocol):
    """The verbs that are measured; `redis_state.RedisStateBackend` has them."""

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

    def get_many(self, scope: TaskScope, keys: Iterable[str]) -> object:
        """Read some values."""

    def set_many(self, scope: TaskScope, values: Mapping[str, str]) -> object:
        """Write some values."""


class AsyncStore(Protocol):
    """The verbs that are measured on an event loop."""

    async def aget(self, scope: TaskScope, key: str) -> object:
        """Read one value."""

    async def aset(
        self, scope: TaskScope, key: str, value: str, *, expires_at: datetime | None = None
    ) -> object:
        """Write one value."""


class ByHand:
    """The commands of the verbs, issued through one shared client of redis-py."""

    def __init__(self, client: redis.Redis, namespace: str, *, hsetex: bool) -> None:
        self._client = client
        self._execute: Callable[..., Any] = client.execute_command
        self._namespace = namespace
        self._hsetex = hsetex

    def get(self, scope: TaskScope, key: str) -> object:
        """Send HGET."""
        return self._client.hget(_page(self._namespace, scope), key)

    def set(
        self, scope: TaskScope, key: str, value: str, *, expires_at: datetime | None = None
    ) -> object:
        """Send HSET, or what the server has to set an expiry with it."""
        page = _page(self._namespace, scope)
        if expires_at is None:
            return self._client.hset(page, key, value)
        if self._hsetex:
            return self._execute(*_hsetex(page, key, value, expires_at))
        pipeline = self._client.pipeline(transaction=False)
        pipeline.hset(page, key, value)
        pipeline.pexpireat(page, to_milliseconds(expires_at))
        return pipeline.execute()

    def delete(self, scope: TaskScope, key: str) -> object:
        """Send HDEL."""
        return self._client.hdel(_page(self._namespace, scope), key)

    def clear(self, scope: TaskScope) -> object:
        """Send UNLINK."""
        return self._client.unlink(_page(self._namespace, scope))

    def get_many(self, scope: TaskScope, keys: Iterable[str]) -> object:
        """Send HMGET."""
        return self._client.hmget(_page(self._namespace, scope), list(keys))

    def set_many(self, scope: TaskScope, values: Mapping[str, str]) -> object:
        """Send HSET with several fields."""
        return self._client.hset(_page(self._namespace, scope), mapping=dict[Any, Any](values))


class AsyncByHand:
    """The same on an event loop, through one shared client of redis.asyncio."""

    def __init__(self, client: redis.asyncio.Redis, namespace: str, *, hsetex: bool) -> None:
        self._client = client
        self._execute: Callable[..., Any] = client.execute_command
        self._namespace = namespace
        self._hsetex = hsetex

    async def aget(self, scope: TaskScope, key: str) -> object:
        """Send HGET."""
        return await _awaited(self._client.hget(_page(self._namespace, scope), key))

    async def aset(
        self, scope: TaskScope, key: str, value: str, *, expires_at: datetime | None = None
    ) -> object:
        """Send HSET, or what the server has to set an expiry with it."""
        page = _page(self._namespace, scope)
        if expires_at is None:
            return await _awaited(self._client.hset(page, key, value))
        if self._hsetex:
            command = _hsetex(page, key, value, expires_at)
            return await _awaited(self._execute(*command))
        pipeline = self._client.pipeline(transaction=False)
        pipeline.hset(page, key, value)
        pipeline.pexpireat(page, to_milliseconds(expires_at))
        return await pipeline.execute()


def to_milliseconds(moment: datetime) -> int:
    """Return a moment as Redis' deadlines name it."""
    return int(moment.timestamp() * 1000)


def _page(namespace: str, scope: TaskScope) -> str:
    return f"{namespace}:hand:{scope.dag_id}/{scope.run_id}/{scope.task_id}:{scope.map_index}"


def _hsetex(page: str, key: str, value: str, expires_at: datetime) -> tuple[str | int, ...]:
    return ("HSETEX", page, "PXAT", to_milliseconds(expires_at), "FIELDS", 1, key, value)


async def _awaited(reply: Awaitable[Any] | Any) -> object:
    # redis-py types the methods of both colours alike, as maybe awaitable.
    return await reply
