"""The bridge: Airflow's routes for state, answered from Redis and not from its metadata tables.

It stands in front of Airflow's API server and takes the requests to these routes alone; all others,
and every verb that they do not have, pass.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, TypeAlias

_Scope: TypeAlias = MutableMapping[str, Any]
_App: TypeAlias = Callable[[_Scope, Any, Any], Awaitable[None]]

# Where the most of all requests end.
_MARK = "/state-store"
_TASK = r"/api/v2/dags/[^/]+/dagRuns/[^/]+/taskInstances/[^/]+/state-store"
_ASSET = r"/api/v2/assets/[^/]+/state-store"
# To other verbs Airflow answers what it has, or that it has nothing.
_ROUTES = tuple(
    (re.compile(path, re.DOTALL), frozenset(methods))
    for path, methods in (
        (_TASK, ("GET", "DELETE")),
        (f"{_TASK}/.*", ("GET", "PUT", "PATCH", "DELETE")),
        (_ASSET, ("GET", "DELETE")),
        (f"{_ASSET}/.*", ("GET", "PUT", "DELETE")),
    )
)


def bridge(app: _App) -> _App:
    """Return what stands in front of Airflow's app: the bridge, or nothing where that is off."""
    from redis_state.plugin.activation import is_on  # noqa: PLC0415 - only the API server needs it

    if not is_on():
        return app
    from redis_state.plugin.routes import create_routes  # noqa: PLC0415 - the same

    return _Bridge(app, create_routes())


class _Bridge:
    def __init__(self, app: _App, routes: Any) -> None:
        self._app = app
        self._routes = routes

    async def __call__(self, scope: _Scope, receive: Any, send: Any) -> None:
        if scope["type"] == "http" and _MARK in scope["path"] and is_ours(scope):
            # What Airflow's dependencies look for: its auth manager, its DAGs.
            self._routes.state = scope["app"].state
            await self._routes(scope, receive, send)
        else:
            await self._app(scope, receive, send)


def is_ours(scope: _Scope) -> bool:
    """Tell whether a request is for one of Airflow's routes for state."""
    path = _path_of(scope)
    return any(
        scope["method"] in methods and pattern.fullmatch(path) for pattern, methods in _ROUTES
    )


def _path_of(scope: _Scope) -> str:
    """Return the path of a request, without that of [api] base_url."""
    path: str = scope["path"]
    root = scope.get("root_path", "")
    # A proxy may have left it there, or taken it away.
    return path.removeprefix(root) if root and path.startswith(f"{root}/") else path
