"""A connection of an event loop that redis-py has opened, and drives no more."""

from __future__ import annotations

import asyncio
from typing import Protocol

from hiredis import Reader

# What its reader returns where a reply has not arrived in full.
INCOMPLETE = object()


class Connected(Protocol):
    """What is left of redis-py when the connection stands."""

    replies: Reader

    def hand_over(self) -> asyncio.Transport:
        """Return the transport, which is redis-py's no more."""

    def close(self) -> None:
        """Close the connection at once."""
