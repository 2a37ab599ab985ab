"""Work that overlaps: a group of tasks that ends with its first error, as that error itself."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from typing import TypeVar

import anyio
from anyio.abc import TaskGroup

T = TypeVar("T")
_AT_A_TIME = 16


@asynccontextmanager
async def task_group() -> AsyncIterator[TaskGroup]:
    """Open a group of tasks; what one of them raises is raised as it is."""
    error: BaseException | None = None
    try:
        async with anyio.create_task_group() as tasks:
            yield tasks
    except BaseExceptionGroup as several:
        error = several
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    if error is not None:
        raise error


async def for_each(
    items: Sequence[T], work: Callable[[T], Awaitable[None]], *, at_a_time: int = _AT_A_TIME
) -> None:
    """Do the work on each item, some at a time, and return when all of it is done."""
    left = iter(items)

    async def work_on() -> None:
        for item in left:
            await work(item)

    async with task_group() as tasks:
        for _ in range(min(at_a_time, len(items))):
            tasks.start_soon(work_on)
