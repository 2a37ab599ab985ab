"""An async client for each event loop, let go with its loop.

The loop holds its client, and not the other way round: a client's connections refer to the loop, so
one that is dropped without being closed could never go as long as anybody else held them.
"""

from __future__ import annotations

import asyncio
import contextlib
import weakref
from collections.abc import AsyncGenerator
from itertools import count
from typing import NamedTuple

from redis_state.client._async.client import AsyncClient
from redis_state.client.io import forks
from redis_state.client.policy.breaker import Observer
from redis_state.config.settings import Settings

_numbers = count()


class LoopClients:
    """The async clients of one backend."""

    def __init__(self, settings: Settings, observer: Observer | None = None) -> None:
        self._settings = settings
        self._observer = observer
        # The attribute of a loop that holds our client.
        self._name = f"_redis_state_{next(_numbers)}"
        self._loops: dict[weakref.ref[asyncio.AbstractEventLoop], None] = {}
        forks.tell(self, LoopClients.forget)

    def current(self) -> AsyncClient:
        """Return the running loop's client."""
        loop = asyncio.get_running_loop()
        held: _Held | None = getattr(loop, self._name, None)
        if held is None:
            self._let_go_of_closed()
            held = _Held(AsyncClient(self._settings, self._observer), _watch(loop, self._name))
            setattr(loop, self._name, held)
            self._loops[weakref.ref(loop, self._loops.pop)] = None
            with contextlib.suppress(StopIteration):
                # Its first step, which awaits nothing, makes it known to the loop.
                held.watch.__anext__().send(None)
        return held.client

    def close_current(self) -> None:
        """Close the connections of the running loop."""
        held: _Held | None = getattr(asyncio.get_running_loop(), self._name, None)
        if held is not None:
            held.client.close()

    def forget(self) -> None:
        """Leave everything to the process that this one was forked from."""
        loops, self._loops = [reference() for reference in self._loops], {}
        _inherited.append((loops, [vars(loop).pop(self._name, None) for loop in loops if loop]))

    def _let_go_of_closed(self) -> None:
        for reference in list(self._loops):
            loop = reference()
            if loop is None or not hasattr(loop, self._name):
                self._loops.pop(reference, None)
            elif loop.is_closed():
                self._loops.pop(reference, None)
                _drop(loop, self._name)


class _Held(NamedTuple):
    """What a loop holds."""

    client: AsyncClient
    watch: AsyncGenerator[None, None]


async def _watch(loop: asyncio.AbstractEventLoop, name: str) -> AsyncGenerator[None, None]:
    # `asyncio.run` finalizes the async generators of a loop before it closes it: the one moment at
    # which connections can be closed in good order.
    try:
        yield
    finally:
        _drop(loop, name)


def _drop(loop: asyncio.AbstractEventLoop, name: str) -> None:
    held: _Held | None = vars(loop).pop(name, None)
    if held is not None:
        held.client.close()


# What a fork left behind: collecting it would wake the parent's loop.
_inherited: list[object] = []
