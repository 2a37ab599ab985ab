"""The layouts that one would choose by hand for whole tasks: what they write, and how they clear.

Both keep an index beside the values, because the keys of a mapped task are not known beforehand.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

import redis

from benchmarks.contenders.redis_py import to_milliseconds
from redis_state import TaskScope

_COMMANDS_PER_BATCH = 1_000

_CLEAR = """
local pages = redis.call('ZRANGE', KEYS[1], 0, -1)
for _, page in ipairs(pages) do redis.call('UNLINK', page) end
redis.call('UNLINK', KEYS[1])
return #pages
"""

# A script, so that a million entries are written within seconds.
_WRITE = """
local deadline = tonumber(ARGV[1])
for number, index in ipairs(KEYS) do
  local entry, value = ARGV[2 * number], ARGV[2 * number + 1]
  local name = index .. ':' .. entry
  if deadline > 0 then
    redis.call('SET', name, value, 'PXAT', deadline)
    redis.call('ZADD', index, deadline, entry)
    redis.call('PEXPIREAT', index, deadline)
  else
    redis.call('SET', name, value)
    redis.call('ZADD', index, 0, entry)
  end
end
"""

Instance = tuple[TaskScope, Mapping[str, str]]


class HashPerIndex:
    """A hash for each map index, all of them in a sorted set; a script clears a task at once.

    A whole hash carries the deadline, which takes less room and is freed faster than a deadline
    for each field.
    """

    def __init__(self, client: redis.Redis, namespace: str) -> None:
        self._client = client
        self._namespace = namespace
        self._clear = client.register_script(_CLEAR)

    def write(self, instances: Iterable[Instance], expires_at: datetime) -> None:
        """Write the values of instances."""
        deadline = to_milliseconds(expires_at)
        with self._client.pipeline(transaction=False) as batch:
            for scope, values in instances:
                index = _task(self._namespace, scope)
                page = f"{index}:{scope.map_index}"
                batch.hset(page, mapping=dict[Any, Any](values))
                batch.pexpireat(page, deadline)
                batch.zadd(index, {page: scope.map_index})
                if len(batch) >= _COMMANDS_PER_BATCH:
                    batch.execute()
            batch.execute()

    def clear(self, scope: TaskScope) -> None:
        """Remove all map indices of a task."""
        self._clear(keys=[_task(self._namespace, scope)])


class StringAndIndex:
    """A string for each value, all of a task's in a sorted set by their deadlines."""

    def __init__(self, client: redis.Redis, namespace: str) -> None:
        self._namespace = namespace
        self._write = client.register_script(_WRITE)

    def write(self, instances: Iterable[Instance], expires_at: datetime | None) -> None:
        """Write the values of some instances."""
        indices: list[str] = []
        arguments: list[str | int] = [0 if expires_at is None else to_milliseconds(expires_at)]
        for scope, values in instances:
            index = _task(self._namespace, scope)
            for key, value in values.items():
                indices.append(index)
                arguments += (f"{scope.map_index}:{key}", value)
        self._write(keys=indices, args=arguments)


def _task(namespace: str, scope: TaskScope) -> str:
    return f"{namespace}:task:{{{scope.dag_id}/{scope.run_id}/{scope.task_id}}}"
