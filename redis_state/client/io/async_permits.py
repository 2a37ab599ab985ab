"""Permits that the tasks of a loop wait for, the longest first, as a thread's do in `sync_permits`.

A loop interrupts nothing: a task is cancelled where it waits, and nowhere else.
"""

from __future__ import annotations

import asyncio
import contextlib
import time

from redis_state.client.policy.permits import Permit


class AsyncPermits:
    """Those that nobody holds; a task may wait for one."""

    __slots__ = ("_free", "_given_back")

    def __init__(self, count: int) -> None:
        self._free = asyncio.Semaphore(count)
        self._given_back: asyncio.Event | None = None

    @property
    def left(self) -> int:
        """Return how many may be had at once."""
        return 0 if self._free.locked() else self._free._value  # noqa: SLF001 - it has no public name

    async def take_at_once(self, held: list[Permit]) -> bool:
        """Move one into ``held``, if there is one."""
        if self._free.locked():
            return False
        await self._free.acquire()
        held.append(Permit(self._give_back))
        return True

    async def take(self, held: list[Permit], deadline: float) -> bool:
        """Move one into ``held``, or wait until the deadline for one."""
        if await self.take_at_once(held):
            return True
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(deadline - time.monotonic()):
                await self._free.acquire()
                held.append(Permit(self._give_back))
        return bool(held)

    async def wait(self, deadline: float) -> None:
        """Wait until the deadline for there to be one: all that wait go on together."""
        if not self._free.locked():
            return
        if self._given_back is None:
            self._given_back = asyncio.Event()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(deadline - time.monotonic()):
                await self._given_back.wait()

    def wake(self) -> None:
        """Tell the one that has waited longest: the semaphore has done so."""

    def _give_back(self, _: Permit) -> None:
        self._free.release()
        if self._given_back is not None:
            self._given_back.set()
            self._given_back = None
