"""The line in the log that says what a process of Airflow works with, once for each side."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from redis_state import __version__
from redis_state.airflow.sides import SERVER, WORKER
from redis_state.config.settings import Settings

_WORDS = {
    SERVER: "server side: state is kept",
    WORKER: "worker side: values of tasks are kept",
}
_log = logging.getLogger("redis_state")
_written: set[str] = set()


def leave_to_plugin() -> None:
    """Write none for the server side: the plug-in has more to say of this process."""
    _written.add(SERVER)


def write_start_line(side: str, settings: Settings, options: Mapping[str, Any]) -> None:
    """Write the line, unless it is written already, or a program of somebody's own is at work."""
    # Airflow builds a backend without any.
    if options or side in _written:
        return
    _written.add(side)
    _log.info(
        "redis-state %s, %s on %s, namespace %r%s",
        __version__,
        _WORDS[side],
        settings.deployment,
        settings.namespace,
        "; the bridge to Airflow's UI and REST API is off here." if side == SERVER else ".",
    )
