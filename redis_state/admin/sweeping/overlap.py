"""Work on many items, some of them at a time."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

from redis_state.admin.tasks import task_group

T = TypeVar("T")
_AT_A_TIME = 16


async def overlap(items: Sequence[T], work: Callable[[T], Awaitable[None]]) -> None:
    """Do the work on each item, and return when all of it is done."""
    left = iter(items)

    async def work_on() -> None:
        for item in left:
            await work(item)

    async with task_group() as tasks:
        for _ in range(min(_AT_A_TIME, len(items))):
            tasks.start_soon(work_on)
