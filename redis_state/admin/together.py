"""Operations that share a round trip, and go one by one where that cannot be."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Hashable, Sequence
from typing import TypeVar

from redis_state.admin.tasks import for_each
from redis_state.client._async.client import AsyncClient
from redis_state.errors import StateStoreError
from redis_state.operations.operation import Operation, Together

T = TypeVar("T")
# The server takes others' commands between two of them.
_MOST = 50


async def run_each(
    client: AsyncClient,
    operations: Sequence[Operation[T]],
    run_alone: Callable[[Operation[T]], Awaitable[T]],
) -> list[T]:
    """Run operations of one step each, those of one server together; return all results."""
    results: dict[int, T] = {}

    async def run_group(group: Sequence[int]) -> None:
        found = await run_together(client, [operations[each] for each in group], run_alone)
        results.update(zip(group, found, strict=True))

    await for_each(_groups(client, operations), run_group)
    return [results[number] for number in range(len(operations))]


async def run_together(
    client: AsyncClient,
    operations: Sequence[Operation[T]],
    run_alone: Callable[[Operation[T]], Awaitable[T]],
) -> list[T]:
    """Run operations of one server in one round trip."""
    try:
        return await client.run(Together(operations))
    except StateStoreError:
        # A server that is away; or one of the pages has moved to another, or is none of ours.
        return [await run_alone(operation) for operation in operations]


def _groups(client: AsyncClient, operations: Sequence[Operation[T]]) -> list[list[int]]:
    """Return the numbers of the operations in groups."""
    groups: dict[Hashable, list[int]] = {}
    for number, operation in enumerate(operations):
        groups.setdefault(client.group_of(operation), []).append(number)
    return [
        group[at : at + _MOST] for group in groups.values() for at in range(0, len(group), _MOST)
    ]
