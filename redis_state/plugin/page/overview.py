"""The page in Airflow's navigation: which Redis it is and how that is, and where to look further.

Whoever may see Airflow's list of plug-ins may see it, since Airflow's UI asks there for what is in
its navigation; it shows nothing that a task has written. The tasks of the newest runs are for those
who may read tasks, and the DAGs of these.
"""

from __future__ import annotations

from itertools import groupby
from typing import Annotated, Any, Literal

from airflow.api_fastapi.auth.managers.models.resource_details import AccessView
from fastapi import APIRouter, Depends, Request, Response

from redis_state import __version__
from redis_state.plugin.answers import backend
from redis_state.plugin.checked import ReadableTIFilterDep, SessionDep, requires_access_view
from redis_state.plugin.known import give_back
from redis_state.plugin.page import looked_up
from redis_state.plugin.page.looked_up import TaskOfRun
from redis_state.plugin.page.rendering import render
from redis_state.plugin.page.sample import take
from redis_state.plugin.page.tasks import may_read_tasks, query_of

overview_router = APIRouter()


def _left(session: SessionDep) -> dict[str, int]:
    return give_back(session, lambda: looked_up.count_left(session))


def _newest_tasks(
    # Airflow's own sign for all DAGs: so it asks whether somebody may read tasks at all.
    dag_id: Literal["~"],  # noqa: ARG001
    session: SessionDep,
    readable: ReadableTIFilterDep,
) -> list[TaskOfRun]:
    return give_back(session, lambda: looked_up.newest_tasks(session, readable.value or ()))


@overview_router.get("/", dependencies=[Depends(requires_access_view(AccessView.PLUGINS))])
async def show_overview(
    request: Request, left: Annotated[dict[str, int], Depends(_left)]
) -> Response:
    """Show which Redis it is, and how it is."""
    ours = backend()
    health = await ours.ahealth()
    by_subject: list[tuple[str, list[Any]]] = [
        (subject, list(findings))
        for subject, findings in groupby(health.findings, key=lambda each: each.subject)
    ]
    return render(
        request,
        "overview.html",
        version=__version__,
        deployment=str(ours.settings.deployment),
        namespace=ours.settings.namespace,
        health=health,
        by_subject=by_subject,
        left=left,
        most_counted=looked_up.MOST_COUNTED,
    )


@overview_router.get("/dags/{dag_id}/newest", dependencies=[may_read_tasks])
async def show_newest(
    request: Request, tasks: Annotated[list[TaskOfRun], Depends(_newest_tasks)]
) -> Response:
    """Show what the tasks of the newest runs keep."""
    sample = await take([(each.scopes[0], each.scopes[0], each.session) for each in tasks])
    return render(
        request,
        "newest.html",
        sample=sample,
        query_of=query_of,
        most_runs=looked_up.MOST_RUNS,
        most_tasks=looked_up.MOST_TASKS,
    )
