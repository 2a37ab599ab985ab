"""Waiting for a server that is away: what takes minutes outlasts a failover."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeVar

import anyio

from redis_state.errors import UnavailableError

T = TypeVar("T")
# How long a server may be away before we give up, in seconds.
PATIENCE = 30.0
_PAUSE = 0.5


async def patiently(call: Callable[[], Awaitable[T]]) -> T:
    """Make a call again until it is answered, for half a minute at most."""
    away_since = anyio.current_time()
    while True:
        try:
            return await call()
        except UnavailableError:
            if anyio.current_time() - away_since > PATIENCE:
                raise
        await anyio.sleep(_PAUSE)
