"""What comes to mind first: a string for each entry, and SCAN to find those of an instance."""

from __future__ import annotations

from datetime import datetime

import redis

from benchmarks.contenders.redis_py import to_milliseconds
from redis_state import TaskScope

_KEYS_PER_SCAN = 1_000


class Naive:
    """One shared client of redis-py."""

    def __init__(self, client: redis.Redis, namespace: str) -> None:
        self._client = client
        self._namespace = namespace

    def get(self, scope: TaskScope, key: str) -> object:
        """Send GET."""
        return self._client.get(self._stem(scope) + key)

    def set(
        self, scope: TaskScope, key: str, value: str, *, expires_at: datetime | None = None
    ) -> object:
        """Send SET."""
        deadline = None if expires_at is None else to_milliseconds(expires_at)
        return self._client.set(self._stem(scope) + key, value, pxat=deadline)

    def delete(self, scope: TaskScope, key: str) -> object:
        """Send UNLINK."""
        return self._client.unlink(self._stem(scope) + key)

    def clear(self, scope: TaskScope) -> object:
        """Look at every key of the server, and unlink those of the instance."""
        pattern = self._stem(scope) + "*"
        found = list(self._client.scan_iter(match=pattern, count=_KEYS_PER_SCAN))
        return self._client.unlink(*found) if found else 0

    def _stem(self, scope: TaskScope) -> str:
        task = f"{scope.dag_id}/{scope.run_id}/{scope.task_id}"
        return f"{self._namespace}:naive:{task}:{scope.map_index}:"
