"""What Airflow's own options make of the state store, where this process can read them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta

from redis_state.admin.health.report import Finding, told
from redis_state.airflow import database_mark, express_lane, state_store
from redis_state.airflow.express_lane import LaneState
from redis_state.airflow.state_store import OURS, Configured
from redis_state.config.settings import Settings
from redis_state.errors import MisconfiguredError

SUBJECT = "this Airflow"
LONGER = "Let state live longer than the delay of a retry, or set the retention to 0: for ever."
_SET_OURS = f"Set [state_store] backend = {OURS}."


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a process knows of the Airflow around it; None for what it does not."""

    database: str | None = None
    lane: LaneState | None = None
    store: Configured | None = None
    # How long state and the delay of a retry last, in seconds; 0: for ever.
    lifetimes: tuple[int, int] | None = None


def surroundings() -> Surroundings:
    """Return what this process knows, without asking anybody."""
    return Surroundings(
        database_mark.known(),
        express_lane.known(),
        state_store.configured(),
        state_store.lifetimes(),
    )


def check(settings: Settings, around: Surroundings) -> Iterator[Finding]:
    """Tell whether Airflow uses this backend, and whether state outlives the wait for a retry."""
    if around.store is not None:
        yield _backend(around.store)
    if around.lifetimes is not None and (around.store is None or around.store.is_ours):
        yield _retention(settings, *around.lifetimes)


def _backend(store: Configured) -> Finding:
    if store.why_not:
        return Finding("backend", SUBJECT, "failure", *told(MisconfiguredError(store.mistake)))
    if not store.is_ours:
        found = f"[state_store] backend is {store.path}: tasks keep their state there, not in Redis"
        return Finding("backend", SUBJECT, "warning", found, _SET_OURS)
    return Finding("backend", SUBJECT, "ok", f"[state_store] backend is {store.path}")


def lives_of(settings: Settings, state_store: int) -> dict[str, timedelta]:
    """Return how long state lives by each option that says so; 0: for ever."""
    retention = settings.default_retention
    return {
        "[state_store] default_retention_days": timedelta(seconds=state_store),
        "[redis_state] default_retention": retention or timedelta(0),
        "[redis_state] worker_retention_days": timedelta(days=settings.worker_retention_days),
    }


def _retention(settings: Settings, state_store: int, delay: int) -> Finding:
    lives = lives_of(settings, state_store)
    wait = timedelta(seconds=delay)
    short = [name for name, life in lives.items() if life and life <= wait]
    if short:
        return Finding(
            "retention",
            SUBJECT,
            "warning",
            f"a task's state ends before its retry begins: {' and '.join(short)} is no more than "
            f"[core] default_task_retry_delay ({wait})",
            LONGER,
        )
    life = lives["[state_store] default_retention_days"]
    found = f"state lives {f'for {life}' if life else 'for ever'}, a retry waits for {wait}"
    return Finding("retention", SUBJECT, "ok", found)
