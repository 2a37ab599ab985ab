"""Calls made at the same time, of threads or of tasks."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

from redis_state import RedisStateBackend


class Crowd:
    """Makes calls in one mode, all of them at once, and tells the outcome of each."""

    def __init__(self, backend: RedisStateBackend, mode: str) -> None:
        self._backend = backend
        self._is_async = mode == "async"

    def begin(self, method: str, arguments: Sequence[tuple[Any, ...]]) -> asyncio.Future[list[Any]]:
        if self._is_async:
            calls = [getattr(self._backend, f"a{method}")(*each) for each in arguments]
            return asyncio.gather(*calls, return_exceptions=True)
        loop, call = asyncio.get_running_loop(), getattr(self._backend, method)
        threads = ThreadPoolExecutor(len(arguments))
        futures = [loop.run_in_executor(threads, partial(call, *each)) for each in arguments]
        threads.shutdown(wait=False)
        return asyncio.gather(*futures, return_exceptions=True)

    async def run(self, method: str, arguments: Sequence[tuple[Any, ...]]) -> list[Any]:
        return await self.begin(method, arguments)

    async def close(self) -> None:
        await self._backend.aclose()
        self._backend.close()
