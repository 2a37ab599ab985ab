"""Whether the express lane may be on in this process, and why not.

It is on only where all that a request would meet on its way is known and compared.
"""

from __future__ import annotations

import sys
from typing import Any

import airflow
from airflow.configuration import conf
from fastapi.middleware.asyncexitstack import AsyncExitStackMiddleware
from starlette.middleware.exceptions import ExceptionMiddleware
from starlette.routing import Match, Mount

from redis_state.backends.server import RedisStateBackend

_INSTRUMENTATIONS = tuple(
    f"opentelemetry.instrumentation.{name}" for name in ("asgi", "fastapi", "starlette")
)
# What FastAPI itself puts between a plug-in's middleware and the routes.
_OF_FASTAPI = (ExceptionMiddleware, AsyncExitStackMiddleware)
# A request of a task, to see where it would go.
_PROBE = {"type": "http", "method": "GET", "path": "/execution/store/ti/id/key"}


class Off(Exception):  # noqa: N818 - it is a state
    """The lane stays off, and why: a sentence for the log."""


def check_backend(backend: Any) -> None:
    """Refuse a subclass, whose methods would be passed by, and what is switched off."""
    if not backend.settings.express_lane:
        raise Off("[redis_state] express_lane is False.")
    if type(backend) is not RedisStateBackend:
        raise Off(f"[state_store] backend is {type(backend).__name__}, whose methods it bypasses.")


def known_api_versions() -> tuple[bytes, ...]:
    """Return the versions of the Execution API that the lane answers in this Airflow."""
    try:
        from redis_state.plugin.express_lane.checked import API_VERSIONS  # noqa: PLC0415 - may fail
    except ImportError as error:
        raise Off(f"Airflow {airflow.__version__} has no {error.name}.") from None
    if (known := API_VERSIONS.get(airflow.__version__)) is None:
        tested = " and ".join(API_VERSIONS)
        raise Off(f"it was not compared with Airflow {airflow.__version__}, only with {tested}.")
    return known


def check_tracing() -> None:
    """Refuse where somebody wants a trace of each request."""
    if conf.getboolean("traces", "otel_on", fallback=False):
        raise Off("[traces] otel_on is True, and it makes no spans.")
    if loaded := [name for name in _INSTRUMENTATIONS if name in sys.modules]:
        raise Off(f"{loaded[0]} is loaded, and it makes no spans.")


def execution_api(app: Any) -> Any:
    """Return Airflow's Execution API behind ``app``, if nothing else is on the way to it."""
    for kind in _OF_FASTAPI:
        if type(app) is not kind:
            raise Off(f"it would bypass {type(app).__module__}.{type(app).__qualname__}.")
        app = app.app
    execution = next((_mounted(each) for each in app.routes if _takes_state_calls(each)), None)
    if execution is None:
        raise Off("this process has no Execution API: see --apps.")
    _check_unchanged(execution)
    return execution


def _takes_state_calls(route: Any) -> bool:
    return bool(route.matches(dict(_PROBE))[0] is Match.FULL)


def _mounted(route: Any) -> Any:
    is_airflows = isinstance(route, Mount) and route.path == "/execution"
    if not is_airflows or not hasattr(route.app, "user_middleware"):
        raise Off(f"{route!r} takes its requests.")
    return route.app


def _check_unchanged(execution: Any) -> None:
    from cadwyn.middleware import VersionPickingMiddleware  # noqa: PLC0415 - Airflow's own

    from redis_state.plugin.express_lane.checked import (  # noqa: PLC0415 - after the version is known
        CorrelationIdMiddleware,
        JWTReissueMiddleware,
    )

    known = {CorrelationIdMiddleware, JWTReissueMiddleware, VersionPickingMiddleware}
    for each in execution.user_middleware:
        if each.cls not in known:
            raise Off(f"it would bypass {each.cls.__module__}.{each.cls.__qualname__}.")
    if execution.dependency_overrides:
        raise Off("dependencies of the Execution API are overridden.")
