"""Connections that were given up while the server may still get something from them.

A network may hold bytes back, and deliver them when the call has long been tried again, and
something newer was written since. So before anything else is sent to that server, it is told to
close its end of such a connection: what arrives there later goes nowhere.
"""

from __future__ import annotations

import contextlib
import re
from collections import deque
from typing import Any, NamedTuple

from redis_state.config.url import Server
from redis_state.operations.operation import Batch

# Redis 6.2 and later: which client the server takes us for.
QUESTION = ("CLIENT", "INFO")
_IDENTITY = re.compile(rb"id=([0-9]+) addr=(\S+) ")
_MOST = 1000


class Identity(NamedTuple):
    """A connection as its server knows it; after a restart the number alone may be a stranger's."""

    server: Server
    number: bytes
    address: bytes


def read_identity(reply: Any, server: Server) -> Identity | None:
    """Read the answer to `QUESTION`; None where the server does not tell."""
    found = _IDENTITY.match(reply) if isinstance(reply, bytes) else None
    return None if found is None else Identity(server, found[1], found[2])


class Abandoned:
    """Those of one node that are still to be closed."""

    __slots__ = ("_identities", "add")

    def __init__(self) -> None:
        self._identities: deque[Identity | None] = deque(maxlen=_MOST)
        # Notes a connection that was given up: a call of C, which is not interrupted.
        self.add = self._identities.append

    def __bool__(self) -> bool:
        return bool(self._identities)

    def at(self, server: Server) -> list[Identity]:
        """List those of a server; nobody asks those of another one any more."""
        noted = dict.fromkeys(list(self._identities))
        found = [each for each in noted if each is not None and each.server == server]
        if not found:
            self._identities.clear()
        return found

    def gone(self, identities: list[Identity]) -> None:
        """Note that the server has closed them."""
        noted = list(self._identities)
        for each in noted:
            if each is None or each in identities:
                # Another thread was there; if that is in vain, it is told once more.
                with contextlib.suppress(ValueError, IndexError):
                    self._identities.remove(each)


def closing(identities: list[Identity]) -> Batch:
    """Return what has the server close them; it says so if one is closed already."""
    return [("CLIENT", "KILL", "ID", each.number, "ADDR", each.address) for each in identities]
