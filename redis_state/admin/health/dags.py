"""What Airflow's DAGs make of the state store: whether state outlives the wait for a retry.

It reads DAGs from the metadata database, so only the command does so, and no server.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from redis_state.admin.health.airflows import LONGER, SUBJECT, Surroundings, lives_of
from redis_state.admin.health.report import Finding, told
from redis_state.airflow import retries
from redis_state.airflow.retries import Waits
from redis_state.config.settings import Settings
from redis_state.errors import StateStoreError

_NAMED = 3


def check(settings: Settings, around: Surroundings) -> Iterator[Finding]:
    """Tell which tasks may wait for a retry longer than their state lives by default."""
    if around.lifetimes is None or around.store is None or not around.store.is_ours:
        return
    life = min(filter(None, lives_of(settings, around.lifetimes[0]).values()), default=None)
    if life is None:
        return
    try:
        yield _told(retries.waits(life.total_seconds()), life)
    except StateStoreError as error:
        found, remedy = told(error)
        yield Finding("retries", SUBJECT, "unknown", f"how long retries wait: {found}", remedy)


def _told(waits: Waits, life: timedelta) -> Finding:
    looked_at = f"{waits.dags:,} DAG{'' if waits.dags == 1 else 's'}"
    looked_at += "" if waits.is_all else ", those that changed last"
    looked_at += f"; {waits.unreadable:,} cannot be read" if waits.unreadable else ""
    if not waits.tasks:
        found = f"no task waits for a retry longer than its state lives, {life} ({looked_at})"
        return Finding("retries", SUBJECT, "ok", found)
    named = ", ".join(
        f"{wait.dag_id}.{wait.task_id} up to {timedelta(seconds=int(wait.seconds))}"
        for wait in waits.tasks[:_NAMED]
    )
    more = len(waits.tasks) - _NAMED
    others = f" and {more:,} more" if more > 0 else ""
    found = f"state ends after {life}, before a retry begins: {named}{others} ({looked_at})"
    return Finding("retries", SUBJECT, "warning", found, LONGER)
