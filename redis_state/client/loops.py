"""An async client for each event loop, let go with its loop."""

from __future__ import annotations

import asyncio
import contextlib
import os
import weakref
from collections.abc import AsyncGenerator

from redis_state.client.async_client import AsyncClient
from redis_state.client.breaker import Observer
from redis_state.settings import Settings


class LoopClients:
    """The async clients of one backend."""

    def __init__(self, settings: Settings, observer: Observer | None = None) -> None:
        self._settings = settings
        self._observer = observer
        self._clients: dict[asyncio.AbstractEventLoop, AsyncClient] = {}
        self._watches: dict[asyncio.AbstractEventLoop, AsyncGenerator[None, None]] = {}
        _all.add(self)

    def current(self) -> AsyncClient:
        """Return the running loop's client."""
        loop = asyncio.get_running_loop()
        client = self._clients.get(loop)
        if client is None:
            self._let_go_of_closed()
            client = self._clients[loop] = AsyncClient(self._settings, self._observer)
            watch = self._watches[loop] = self._close_with(loop)
            with contextlib.suppress(StopIteration):
                # Its first step, which awaits nothing, makes it known to the loop.
                watch.__anext__().send(None)
        return client

    def close_current(self) -> None:
        """Close the connections of the running loop."""
        client = self._clients.get(asyncio.get_running_loop())
        if client is not None:
            client.close()

    def forget(self) -> None:
        """Leave everything to the process that this one was forked from."""
        _inherited.append((self._clients, self._watches))
        self._clients, self._watches = {}, {}

    async def _close_with(self, loop: asyncio.AbstractEventLoop) -> AsyncGenerator[None, None]:
        # `asyncio.run` finalizes the async generators of a loop before it closes it: the one
        # moment at which connections can be closed in good order.
        try:
            yield
        finally:
            self._drop(loop)

    def _let_go_of_closed(self) -> None:
        for loop in [loop for loop in list(self._clients) if loop.is_closed()]:
            self._drop(loop)

    def _drop(self, loop: asyncio.AbstractEventLoop) -> None:
        client = self._clients.pop(loop, None)
        self._watches.pop(loop, None)
        if client is not None:
            client.close()


_all: weakref.WeakSet[LoopClients] = weakref.WeakSet()
# What a fork left behind: collecting it would wake the parent's loop.
_inherited: list[object] = []


def _after_fork_in_child() -> None:
    for clients in list(_all):
        clients.forget()


os.register_at_fork(after_in_child=_after_fork_in_child)
