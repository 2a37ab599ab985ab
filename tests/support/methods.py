"""The methods in both modes behind one face, so that a test is written once."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from redis_state import Entry, RedisStateBackend, StateScope
from redis_state.admin.health import Health

MODES = ("sync", "async")


class Methods:
    """Calls the sync or the async methods of a backend."""

    def __init__(self, backend: RedisStateBackend, mode: str) -> None:
        self.backend = backend
        self._is_async = mode == "async"

    async def _call(self, method: str, *args: Any, **options: Any) -> Any:
        if self._is_async:
            return await getattr(self.backend, f"a{method}")(*args, **options)
        # As threads call it: one that stands on a running loop is treated in another way.
        return await asyncio.to_thread(getattr(self.backend, method), *args, **options)

    async def get(self, scope: StateScope, key: str) -> str | None:
        value: str | None = await self._call("get", scope, key, session=None)
        return value

    async def set(
        self, scope: StateScope, key: str, value: str, *, expires_at: datetime | None = None
    ) -> None:
        assert (
            await self._call("set", scope, key, value, expires_at=expires_at, session=None) is None
        )

    async def delete(self, scope: StateScope, key: str) -> None:
        assert await self._call("delete", scope, key, session=None) is None

    async def clear(self, scope: StateScope, *, all_map_indices: bool = False) -> None:
        options = {"all_map_indices": all_map_indices, "session": None}
        assert await self._call("clear", scope, **options) is None

    async def get_many(self, scope: StateScope, keys: Iterable[str]) -> dict[str, str]:
        values: dict[str, str] = await self._call("get_many", scope, keys, session=None)
        return values

    async def set_many(
        self,
        scope: StateScope,
        values: Mapping[str, str],
        *,
        expires_at: datetime | None = None,
    ) -> None:
        assert await self._call("set_many", scope, values, expires_at=expires_at) is None

    async def look(self) -> Health:
        health: Health = await self._call("health")
        return health

    async def entries(self, scope: StateScope) -> dict[str, Entry]:
        entries: dict[str, Entry] = await self._call("entries", scope, session=None)
        return entries
