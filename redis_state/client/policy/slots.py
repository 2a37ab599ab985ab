"""Which node of a cluster serves which page."""

from __future__ import annotations

import re
import time
from binascii import crc_hqx
from collections.abc import Iterable
from itertools import groupby
from typing import Any

from redis_state.client.policy.attempts import StrangerError
from redis_state.config.allowed_hosts import AllowedHosts
from redis_state.config.url import Server

SLOTS = 16_384
# Seconds in which the cluster is not asked again.
_FRESH = 0.1
QUESTION = ("CLUSTER", "SLOTS")
_REDIRECTION = re.compile(
    r"(MOVED|ASK) (?P<slot>[0-9]{1,5}) (?P<host>\S*):(?P<port>[0-9]{1,5})", re.ASCII
)


def slot_of(page: str) -> int:
    """Return the slot of a page: every page has a hash tag."""
    start = page.index("{") + 1
    return crc_hqx(page[start : page.index("}", start)].encode(), 0) % SLOTS


class SlotMap:
    """The masters by slot, as one node has told, corrected by what the others say since."""

    def __init__(self, owners: list[Server | None]) -> None:
        self._owners = owners

    def owner(self, slot: int) -> Server | None:
        """Return the master of a slot, or None where none serves it."""
        return self._owners[slot]

    def move(self, slot: int, server: Server) -> None:
        """Note that a slot has another master now."""
        self._owners[slot] = server

    def masters(self) -> list[Server]:
        """List the masters."""
        # Slots side by side mostly have one master, which is hashed once.
        owners = {owner for owner, _ in groupby(self._owners)}
        return sorted((owner for owner in owners if owner is not None), key=str)


def read_slots(reply: Any, asked: Server, allowed: AllowedHosts) -> SlotMap:
    """Read the answer to `QUESTION`."""
    owners: list[Server | None] = [None] * SLOTS
    for first, last, master, *_ in reply:
        server = _server((master[0] or b"").decode(), int(master[1]), asked)
        if not allowed.admits(server):
            raise StrangerError(server, asked)
        owners[first : last + 1] = [server] * (last + 1 - first)
    return SlotMap(owners)


def read_redirection(text: str, asked: Server) -> tuple[int, Server]:
    """Read what follows MOVED or ASK: the slot, and the node that serves it."""
    found = _REDIRECTION.fullmatch(text)
    if found is None or int(found["slot"]) >= SLOTS:
        raise ValueError("it leads to no node")
    return int(found["slot"]), _server(found["host"], int(found["port"]), asked)


def _server(host: str, port: int, asked: Server) -> Server:
    # A node that does not know its own address, or name, is where it was asked.
    return Server(asked.host if host in ("", "?") else host, port)


class News:
    """When the cluster was last asked who serves what, and who is to be asked next."""

    def __init__(self, overdue_after: float) -> None:
        self._overdue_after = overdue_after or float("inf")
        self._arrived_at = 0.0
        self._missed_at = 0.0
        self._missed_since: float | None = None
        self._turn = 0

    def are_old(self) -> bool:
        """Tell whether asking again may bring something new."""
        return time.monotonic() - self._arrived_at >= _FRESH

    def are_overdue(self, by: float | None = None) -> bool:
        """Tell whether nobody has answered for so long that others need not wait for it."""
        since, by = self._missed_since, time.monotonic() if by is None else by
        return since is not None and by - since >= self._overdue_after

    def missed(self) -> None:
        """Note that no node has answered."""
        self._missed_at = time.monotonic()

    def were_missed_within(self, seconds: float) -> bool:
        """Tell whether no node has answered when all were asked so lately."""
        return time.monotonic() - self._missed_at < seconds

    def arrived(self) -> None:
        """Note that a node has answered."""
        self._arrived_at, self._missed_since = time.monotonic(), None

    def ask_first(self, known: Iterable[Server], failed: Server | None) -> list[Server]:
        """List the servers to ask, another one first each time, and the failed one at the end."""
        if self._missed_since is None:
            self._missed_since = time.monotonic()
        servers = list(dict.fromkeys(known))
        self._turn += 1
        begin = self._turn % len(servers)
        return sorted(servers[begin:] + servers[:begin], key=lambda server: server == failed)
