"""What an API server has loaded for good, out of the garbage collector's sight.

A full collection looks at all objects of Airflow, about a million, and all requests wait for it:
for up to a second, again and again. They are never garbage.
"""

from __future__ import annotations

import gc
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, TypeAlias

Send: TypeAlias = Callable[[MutableMapping[str, Any]], Awaitable[None]]

# Airflow builds its routes and caches when they are first asked for; by now it has.
_LATER = 1_000


def settle() -> None:
    """Let the collector leave alone what is there now."""
    gc.collect()
    gc.freeze()


def settle_when_started(send: Send) -> Send:
    """Do so before the server takes its first request."""

    async def and_settle(message: MutableMapping[str, Any]) -> None:
        if message["type"] == "lifespan.startup.complete":
            settle()
        await send(message)

    return and_settle


def settle_later(answered: int) -> None:
    """Do so once more, when the server has answered enough."""
    if answered == _LATER:
        settle()
