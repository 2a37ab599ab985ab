"""The commands of the methods by hand, with redis-py's ordinary clients.

By hand means plain hashes with a field per state key: no envelope with times, no checks, and bytes
where our backend returns text. It is the least that anyone could send for the same method.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Any

import redis
import redis.asyncio

from redis_state import TaskScope


class RedisPy:
    """One shared client of redis-py."""

    def __init__(self, client: redis.Redis, namespace: str, *, hsetex: bool) -> None:
        self._client = client
        self._execute: Callable[..., Any] = client.execute_command
        self._namespace = namespace
        self._hsetex = hsetex

    def get(self, scope: TaskScope, key: str) -> object:
        """Send HGET."""
        return self._client.hget(page(self._namespace, scope), key)

    def set(
        self, scope: TaskScope, key: str, value: str, *, expires_at: datetime | None = None
    ) -> object:
        """Send HSET, or what the server has to set an expiry with it."""
        name = page(self._namespace, scope)
        if expires_at is None:
            return self._client.hset(name, key, value)
        if self._hsetex:
            return self._execute(*_hsetex(name, key, value, expires_at))
        pipeline = self._client.pipeline(transaction=False)
        pipeline.hset(name, key, value)
        pipeline.pexpireat(name, to_milliseconds(expires_at))
        return pipeline.execute()

    def delete(self, scope: TaskScope, key: str) -> object:
        """Send HDEL."""
        return self._client.hdel(page(self._namespace, scope), key)

    def clear(self, scope: TaskScope) -> object:
        """Send UNLINK."""
        return self._client.unlink(page(self._namespace, scope))


class AsyncRedisPy:
    """The same on an event loop, through one shared client of redis.asyncio."""

    def __init__(self, client: redis.asyncio.Redis, namespace: str, *, hsetex: bool) -> None:
        self._client = client
        self._execute: Callable[..., Any] = client.execute_command
        self._namespace = namespace
        self._hsetex = hsetex

    async def aget(self, scope: TaskScope, key: str) -> object:
        """Send HGET."""
        return await _awaited(self._client.hget(page(self._namespace, scope), key))

    async def aset(
        self, scope: TaskScope, key: str, value: str, *, expires_at: datetime | None = None
    ) -> object:
        """Send HSET, or what the server has to set an expiry with it."""
        name = page(self._namespace, scope)
        if expires_at is None:
            return await _awaited(self._client.hset(name, key, value))
        if self._hsetex:
            return await _awaited(self._execute(*_hsetex(name, key, value, expires_at)))
        pipeline = self._client.pipeline(transaction=False)
        pipeline.hset(name, key, value)
        pipeline.pexpireat(name, to_milliseconds(expires_at))
        return await pipeline.execute()


def page(namespace: str, scope: TaskScope) -> str:
    """Name the hash of an instance."""
    return f"{namespace}:hand:{scope.dag_id}/{scope.run_id}/{scope.task_id}:{scope.map_index}"


def to_milliseconds(moment: datetime) -> int:
    """Return a moment as Redis' deadlines name it."""
    return int(moment.timestamp() * 1000)


def _hsetex(name: str, key: str, value: str, expires_at: datetime) -> tuple[str | int, ...]:
    return ("HSETEX", name, "PXAT", to_milliseconds(expires_at), "FIELDS", 1, key, value)


async def _awaited(reply: Awaitable[Any] | Any) -> object:
    # redis-py types the methods of both modes alike, as maybe awaitable.
    return await reply
