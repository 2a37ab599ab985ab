"""What the client for threads stands on; `runtime_async` has the same names for an event loop.

`_sync`, which is made from `_async`, imports what differs between the two from here.
"""

from __future__ import annotations

from collections.abc import Callable
from time import sleep
from typing import TypeAlias

from redis_state.client.io.forks import tell as in_a_forked_child
from redis_state.client.io.mismatch import check_mismatch
from redis_state.client.io.sync_lane import SyncLane as Lane
from redis_state.client.io.sync_link import Link, open_link
from redis_state.client.io.sync_permits import SyncPermits as Permits
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

# While a call waits, an event loop that runs in its thread stands still.
BLOCKS = True
# What an operation travels by.
Way: TypeAlias = Link | Lane
# Tells where a server is, by a deadline.
Locate: TypeAlias = Callable[[float], Server]


def as_lane(
    link: Link, capabilities: Capabilities, settings: Settings, room: Callable[[], int]
) -> Lane:
    """Let any number of calls share a link; ``room``: for how many there is another way."""
    link.silence = queues = first_attempt(settings)
    return Lane(link, capabilities, queues, room)
