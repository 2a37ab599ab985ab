"""Which task a request asks for, as Airflow reads it from path and query.

Since 3.4 that takes a look into the metadata database, for a task's region. So it is only prepared
here, and done with all else that is looked up: see `known`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, TypeAlias
from uuid import UUID

from airflow.state import TaskScope
from fastapi import Depends, Query

from redis_state.plugin.checked import (
    CoordinateResolver,
    DagBagDep,
    TaskScopeDep,
    region_scope,
    region_scope_to_clear,
)

# From a session, and whether all map indices are meant, to the scope.
Resolve: TypeAlias = Callable[[Any, bool], TaskScope]


def _without_regions(scope: TaskScopeDep) -> Resolve:
    return lambda _session, _all: scope


def _with_regions(
    dag_id: str,
    dag_run_id: str,
    task_id: str,
    dag_bag: DagBagDep,
    map_index: int = -1,
    region_id: UUID | None = None,
    region_index: Annotated[int | None, Query(ge=-1)] = None,
) -> Resolve:
    def resolve(session: Any, _: bool) -> TaskScope:
        resolver = CoordinateResolver(dag_bag, session)
        named = (dag_id, dag_run_id, task_id)
        return region_scope(*named, resolver, map_index, region_id, region_index)

    return resolve


def _with_regions_to_clear(
    dag_id: str,
    dag_run_id: str,
    task_id: str,
    dag_bag: DagBagDep,
    map_index: Annotated[int, Query(ge=-1)] = -1,
    region_id: UUID | None = None,
    region_index: Annotated[int | None, Query(ge=-1)] = None,
) -> Resolve:
    def resolve(session: Any, all_map_indices: bool) -> TaskScope:
        resolver = CoordinateResolver(dag_bag, session)
        named = (dag_id, dag_run_id, task_id)
        place = (map_index, region_id, region_index)
        return region_scope_to_clear(*named, resolver, *place, all_map_indices)

    return resolve


_has_regions = CoordinateResolver is not None
Asked: TypeAlias = Annotated[Resolve, Depends(_with_regions if _has_regions else _without_regions)]
AskedToClear: TypeAlias = Annotated[
    Resolve, Depends(_with_regions_to_clear if _has_regions else _without_regions)
]
