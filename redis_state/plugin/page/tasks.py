"""The page of a task of a run: all its instances at a glance, and the values of one of them."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Annotated, Any
from uuid import UUID

from airflow.api_fastapi.auth.managers.models.resource_details import DagAccessEntity
from fastapi import APIRouter, Depends, HTTPException, Query, Request, Response, status

from redis_state.admin.survey import Survey, Tally
from redis_state.format.layout import UNMAPPED
from redis_state.plugin.answers import backend
from redis_state.plugin.checked import SessionDep, requires_access_dag
from redis_state.plugin.known import give_back
from redis_state.plugin.page import looked_up
from redis_state.plugin.page.looked_up import MOST_INSTANCES, TaskOfRun
from redis_state.plugin.page.rendering import query, render
from redis_state.plugin.page.values import values_of
from redis_state.scopes import TaskScope

# Airflow's UI leaves its placeholder where there is no index.
_INDEX = re.compile(r"-1|[0-9]{1,9}", re.ASCII)
# A loop, since Airflow 3.4, has a region of each pass.
_MOST_REGIONS = 20

task_router = APIRouter()
may_read_tasks = Depends(
    requires_access_dag(method="GET", access_entity=DagAccessEntity.TASK_INSTANCE)
)


@dataclass(frozen=True)
class Instance:
    """One instance of a task: its state in Airflow, None if it is unknown there, and its tally."""

    scope: TaskScope
    state: str | None
    tally: Tally

    @property
    def query(self) -> str:
        """The query of its page."""
        return query_of(self.scope)


@dataclass(frozen=True)
class Region:
    """The instances of a task in one region, of which the first are shown."""

    scope: TaskScope
    survey: Survey
    instances: list[Instance]
    hidden: int


def query_of(scope: TaskScope) -> str:
    """Return the query that leads to an instance."""
    return query(
        dag_id=scope.dag_id,
        dag_run_id=scope.run_id,
        task_id=scope.task_id,
        map_index=scope.map_index,
        region=scope.region_id.hex if scope.region_id.int else None,
    )


def _known_task(dag_id: str, dag_run_id: str, task_id: str, session: SessionDep) -> TaskOfRun:
    # No DAG is called "~" or nothing, by which Airflow's check means all of them.
    found = give_back(session, lambda: looked_up.task(session, dag_id, dag_run_id, task_id))
    if found is None:
        raise HTTPException(
            status.HTTP_404_NOT_FOUND, f"There is no task {task_id!r} in the run {dag_run_id!r}."
        )
    return found


@task_router.get("/task", dependencies=[may_read_tasks])
async def show_task(
    request: Request,
    task: Annotated[TaskOfRun, Depends(_known_task)],
    map_index: str = "",
    region: UUID | None = None,
    offset: Annotated[int, Query(ge=0)] = 0,
) -> Response:
    """Show a task of a run."""
    regions = [await _survey(task, scope) for scope in task.scopes[:_MOST_REGIONS]]
    chosen = _chosen(regions, map_index, region)
    values = None
    if chosen is not None:
        values = await values_of(chosen, offset, session=task.session)
    return render(
        request,
        "task.html",
        task=task.scopes[0],
        regions=regions,
        more_regions=max(0, len(task.scopes) - _MOST_REGIONS),
        is_mapped=any(each.scope.map_index != UNMAPPED for it in regions for each in it.instances),
        chosen=chosen,
        query=query_of(chosen) if chosen is not None else "",
        values=values,
        left=task.left,
        most_left=looked_up.MOST_LEFT,
    )


async def _survey(task: TaskOfRun, scope: TaskScope) -> Region:
    survey = await backend().asurvey(scope, session=task.session)
    known = {each.map_index for each in task.states if each.region_id == scope.region_id}
    indices = sorted(known | survey.instances.keys())
    instances = []
    for index in indices[:MOST_INSTANCES]:
        own = replace(scope, map_index=index)
        tally = survey.instances.get(index, Tally())
        instances.append(Instance(own, task.states.get(own), tally))
    return Region(scope, survey, instances, max(0, len(indices) - MOST_INSTANCES))


def _chosen(regions: list[Region], map_index: str, region: UUID | None) -> TaskScope | None:
    """Return the instance whose values are to be shown: that of the address, or the only one."""
    of = next((each for each in regions if each.scope.region_id == region), regions[0])
    if _INDEX.fullmatch(map_index) and int(map_index) != UNMAPPED:
        return replace(of.scope, map_index=int(map_index))
    shown: list[Any] = [each.scope for each in of.instances]
    unmapped = replace(of.scope, map_index=UNMAPPED)
    return unmapped if unmapped in shown else None
