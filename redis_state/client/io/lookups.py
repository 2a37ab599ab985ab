"""The addresses of a host by a deadline, however long the system takes to look them up.

Nothing can interrupt `getaddrinfo`, so it runs in a thread that is left alone when a call's time is
up. Who asks for the same host meanwhile waits for the same answer. It is given to those who wait,
and not kept: a name may lead to another server the next time.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import threading
import time
from collections import deque
from collections.abc import Callable
from functools import partial
from typing import Any, TypeAlias

from redis_state.client.policy.attempts import BrokenError, UnresolvedError
from redis_state.config.url import Server

# As `socket.getaddrinfo` gives them.
Addresses: TypeAlias = list[tuple[Any, ...]]

# Seconds after which an answer is no longer waited for by those that come then.
_SHARED = 5.0
# Lookups that hang pile up no further.
_MOST = 16


class _Lookup:
    """One question to the system's resolver, and who waits for the answer."""

    def __init__(self, host: str, port: int) -> None:
        self.begun = time.monotonic()
        self.host = host
        self.port = port
        self._answer: Addresses | Exception | None = None
        self._waiting: deque[Callable[[], object]] = deque()

    def run(self) -> None:
        """Ask, and wake those who wait."""
        answer: Addresses | Exception
        try:
            answer = socket.getaddrinfo(self.host, self.port, type=socket.SOCK_STREAM)
        except Exception as error:  # noqa: BLE001 - whatever it is, callers wait for it
            answer = error
        # First, so that nobody who comes after the answer gets it.
        _lookups.ended(self)
        self._answer = answer
        with contextlib.suppress(IndexError):
            while True:
                self._waiting.popleft()()

    def wake_with(self, wake: Callable[[], object]) -> bool:
        """Call ``wake`` with the answer; tell whether that is still to come."""
        self._waiting.append(wake)
        return self._answer is None

    def leave(self, wake: Callable[[], object]) -> None:
        """Wait no longer."""
        with contextlib.suppress(ValueError):
            self._waiting.remove(wake)

    def addresses(self) -> Addresses:
        """Return the answer, or raise what came in its place."""
        if self._answer is None:
            raise UnresolvedError(f"{self.host} was not looked up in time")
        if isinstance(self._answer, Exception):
            reason = getattr(self._answer, "strerror", None) or self._answer
            raise BrokenError(f"{self.host} could not be looked up: {reason}") from self._answer
        return self._answer


def look_up(server: Server, deadline: float) -> Addresses:
    """Return the addresses of a server, or break off at the deadline."""
    found = _written(server)
    if found is not None:
        return found
    lookup, answered = _lookups.of(server.host, server.port), threading.Lock()
    answered.acquire()
    if lookup.wake_with(answered.release):
        answered.acquire(timeout=max(0.0, deadline - time.monotonic()))
    lookup.leave(answered.release)
    return lookup.addresses()


async def look_up_async(server: Server, deadline: float) -> Addresses:
    """Return the addresses of a server, or break off at the deadline."""
    found = _written(server)
    if found is not None:
        return found
    loop = asyncio.get_running_loop()
    lookup, answered = _lookups.of(server.host, server.port), loop.create_future()
    wake = partial(_wake, loop, answered)
    try:
        if lookup.wake_with(wake):
            await asyncio.wait([answered], timeout=max(0.0, deadline - time.monotonic()))
    finally:
        lookup.leave(wake)
    return lookup.addresses()


def _written(server: Server) -> Addresses | None:
    """Return the address of a host that is written as one: it needs no lookup."""
    try:
        return socket.getaddrinfo(
            server.host, server.port, type=socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST
        )
    except (OSError, UnicodeError):
        return None


def _wake(loop: asyncio.AbstractEventLoop, answered: asyncio.Future[None]) -> None:
    # The loop may be closed by now.
    with contextlib.suppress(RuntimeError):
        loop.call_soon_threadsafe(_settle, answered)


def _settle(answered: asyncio.Future[None]) -> None:
    if not answered.done():
        answered.set_result(None)


class _Lookups:
    """Those of this process that are under way."""

    def __init__(self) -> None:
        self.start_afresh()

    def start_afresh(self) -> None:
        """Forget all: after a fork, their threads are the parent's."""
        # A signal's handler may make calls, too.
        self._lock = threading.RLock()
        self._latest: dict[tuple[str, int], _Lookup] = {}
        self._under_way: set[_Lookup] = set()

    def of(self, host: str, port: int) -> _Lookup:
        """Return the lookup that is under way, or begin one."""
        with self._lock:
            latest, is_full = self._latest.get((host, port)), len(self._under_way) >= _MOST
            if latest is not None and (is_full or time.monotonic() - latest.begun < _SHARED):
                return latest
            if is_full:
                raise UnresolvedError(f"{host} was not looked up, because {_MOST} lookups hang")
            lookup = _Lookup(host, port)
            self._latest[host, port] = lookup
            self._under_way.add(lookup)
        try:
            threading.Thread(target=lookup.run, name="redis-state-lookup", daemon=True).start()
        except RuntimeError:
            # None can be had, as at the interpreter's end.
            lookup.run()
        except BaseException:
            self.ended(lookup)
            raise
        return lookup

    def ended(self, lookup: _Lookup) -> None:
        """Give its answer to nobody who comes now."""
        where = (lookup.host, lookup.port)
        with self._lock:
            if self._latest.get(where) is lookup:
                del self._latest[where]
            self._under_way.discard(lookup)


_lookups = _Lookups()
os.register_at_fork(after_in_child=_lookups.start_afresh)
