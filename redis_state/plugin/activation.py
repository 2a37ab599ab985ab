"""Whether the plug-in works in this process: on the backend, the options and Airflow's version."""

from __future__ import annotations

import logging
from functools import cache
from typing import cast

import airflow
from airflow.state import get_state_backend, resolve_state_backend

from redis_state import __version__
from redis_state.backends.server import RedisStateBackend
from redis_state.backends.start_line import leave_to_plugin
from redis_state.config.settings import Settings
from redis_state.errors import StateStoreError
from redis_state.plugin import owner

# The versions of Airflow that the tests of the plug-in pass with.
TESTED = ("3.3.2", "3.4.0b2")
_log = logging.getLogger("redis_state.plugin")


def our_backend() -> RedisStateBackend | None:
    """Return this process's backend, if it is ours and works."""
    if not _is_ours():
        return None
    leave_to_plugin()
    try:
        return cast("RedisStateBackend", get_state_backend())
    except Exception:  # noqa: BLE001 - `is_on` says so
        return None


def is_on() -> bool:
    """Tell whether the bridge is on, and say so in the log where the backend is ours."""
    if not _is_ours():
        return False
    leave_to_plugin()
    try:
        backend = cast("RedisStateBackend", get_state_backend())
    except Exception as error:  # noqa: BLE001 - a subclass may raise whatever it likes
        # Each request tells the same: the state is not in the metadata database.
        why = error if isinstance(error, StateStoreError) else f"{type(error).__name__}."
        _log.error("redis-state %s cannot work. %s", __version__, why)
        return True
    owner.watch(backend)
    settings = backend.settings
    why_off = _why_off(settings)
    _log.log(
        logging.WARNING if why_off else logging.INFO,
        "redis-state %s on %s, namespace %r: Airflow's UI and REST API %s",
        __version__,
        settings.deployment,
        settings.namespace,
        f"do not show its state: {why_off}" if why_off else "show and change its state.",
    )
    return why_off is None


@cache
def does_work() -> bool:
    """Tell the same in any process, and log nothing."""
    if not _is_ours():
        return False
    leave_to_plugin()
    try:
        return _why_off(get_state_backend().settings) is None
    except Exception:  # noqa: BLE001 - as above
        return True


def _is_ours() -> bool:
    try:
        return issubclass(resolve_state_backend(), RedisStateBackend)
    except Exception:  # noqa: BLE001 - `wrong_backend` tells it
        return False


def _why_off(settings: Settings) -> str | None:
    if not settings.ui_bridge:
        return "[redis_state] ui_bridge is False."
    if airflow.__version__ not in TESTED and not settings.untested_airflow:
        return (
            f"this release was not tested with Airflow {airflow.__version__}, only with "
            f"{' and '.join(TESTED)}. "
            "Upgrade redis-state, or set [redis_state] untested_airflow = True to try."
        )
    return None
