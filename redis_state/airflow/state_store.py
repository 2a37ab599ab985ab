"""What Airflow's own options say of the state store: which backend, and how long state lives."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from typing import Any

from redis_state.airflow.config import configuration

OURS = "redis_state.RedisStateBackend"
_HOME = "redis_state.backends.server.RedisStateBackend"
_SECONDS_A_DAY = 86_400


@dataclass(frozen=True, slots=True)
class Configured:
    """What ``[state_store] backend`` names; ``why_not`` says why that is no backend, if so."""

    path: str
    is_ours: bool = False
    why_not: str = ""

    @property
    def mistake(self) -> str:
        """What is wrong, and what to do, if it is no backend."""
        return (
            f"[state_store] backend is wrong: write {OURS}, or a class that is there, in place of "
            f"{self.path!r}, and restart ({self.why_not})."
        )


def configured() -> Configured | None:
    """Return what is configured; None where Airflow's core is not installed."""
    conf = configuration()
    try:
        resolve = import_module("airflow.state").resolve_state_backend
    except (ImportError, AttributeError):
        return None
    path = str(conf.get("state_store", "backend", fallback=None) or "")
    try:
        found = resolve()
    except Exception as error:  # noqa: BLE001 - the module that is named may raise anything
        # Airflow hides what was missing behind what it says of its own option.
        why = error.__context__ if isinstance(error.__context__, ImportError) else error
        return Configured(path, why_not=f"{type(why).__name__}: {why}".rstrip("."))
    return Configured(path, is_ours=_HOME in map(_name, found.__mro__))


def lifetimes() -> tuple[int, int] | None:
    """Return how long state and a retry's delay last by default, in seconds; 0: for ever.

    Only where both can be read. A DAG may say otherwise, of each of its tasks.
    """
    conf = configuration()
    if conf is None:
        return None
    days = conf.get("state_store", "default_retention_days", fallback=None)
    delay = conf.get("core", "default_task_retry_delay", fallback=None)
    if days is None or delay is None:
        return None
    try:
        return int(days) * _SECONDS_A_DAY, int(float(delay))
    except ValueError:
        # Airflow refuses it by itself.
        return None


def _name(kind: Any) -> str:
    return f"{kind.__module__}.{kind.__qualname__}"
