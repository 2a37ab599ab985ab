"""Whose state it is: a task instance's or an asset's.

The scopes mirror Airflow's own field for field; the library never asks a scope for its class, only
for its attributes, so those of ``airflow.state``, of ``airflow.sdk.state`` and these are alike.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from redis_state.errors import InvalidScopeError

ZERO_REGION = UUID(int=0)


@dataclass(frozen=True)
class TaskScope:
    """The state of one task instance; ``map_index`` is -1 for a task that is not mapped."""

    dag_id: str
    run_id: str
    task_id: str
    map_index: int = -1
    region_id: UUID = ZERO_REGION

    def __hash__(self) -> int:
        # Without the region, which takes longer than all others.
        return hash((self.dag_id, self.run_id, self.task_id, self.map_index))


@dataclass(frozen=True)
class AssetScope:
    """The state of an asset: by id on the server, by name or uri on a worker."""

    asset_id: int | None = None
    name: str | None = None
    uri: str | None = None

    def __post_init__(self) -> None:
        if self.asset_id is None and self.name is None and self.uri is None:
            raise InvalidScopeError("An asset scope needs an asset_id, a name or a uri.")


StateScope = TaskScope | AssetScope


class Entry(NamedTuple):
    """One live value with its times; ``expires_at`` is None for a permanent one.

    ``set_by_api`` tells of an asset's value that it came through Airflow's REST API, and not from a
    task.
    """

    value: str
    updated_at: datetime
    expires_at: datetime | None
    set_by_api: bool = False


class Listing(NamedTuple):
    """Some of the live keys of a scope, sorted by key, and how many there are in all.

    ``unreadable`` says of those that are among them, and that nobody could read, why not.
    """

    entries: dict[str, Entry]
    unreadable: dict[str, str]
    total: int
