"""What the client of an event loop stands on; `runtime_sync` has the same names for threads.

`_async`, from which `_sync` is made, imports what differs between the two from here.
"""

from __future__ import annotations

from asyncio import sleep
from collections.abc import Awaitable, Callable
from typing import Any, TypeAlias

from redis_state.client.io.async_link import AsyncLink as Link
from redis_state.client.io.async_opening import open_link
from redis_state.client.io.async_permits import AsyncPermits as Permits
from redis_state.client.io.mismatch import check_mismatch_async as check_mismatch
from redis_state.client.policy.budget import first_attempt
from redis_state.config.settings import Settings
from redis_state.config.url import Server
from redis_state.operations.operation import Capabilities

__all__ = [
    "BLOCKS",
    "Lane",
    "Link",
    "Locate",
    "Permits",
    "Way",
    "as_lane",
    "check_mismatch",
    "in_a_forked_child",
    "open_link",
    "sleep",
]

# While a call waits, its loop goes on with others.
BLOCKS = False
Lane: TypeAlias = Link
# What an operation travels by.
Way: TypeAlias = Link
# Tells where a server is, by a deadline.
Locate: TypeAlias = Callable[[float], Awaitable[Server]]


def as_lane(
    link: Link, capabilities: Capabilities, settings: Settings, room: Callable[[], int]
) -> Lane:
    """Let any number of calls share a link; ``room``: for how many there is another way."""
    link.capabilities, link.room, link.is_shared = capabilities, room, True
    link.silence = first_attempt(settings)
    link.leaves_before = settings.budget - link.silence
    return link


def in_a_forked_child(_: object, __: Callable[[Any], object]) -> None:
    """Do nothing: `loops` leaves the whole client to the parent, as the loop is the parent's."""
