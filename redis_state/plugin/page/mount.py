"""Where the page stands in Airflow: its address, its places in the UI, and an app made when needed.

Airflow asks for these in its API server alone, and loads the plug-in in every process.
"""

from __future__ import annotations

from typing import Any

PREFIX = "/redis-state"
_NAME = "State store"
# From the address that Airflow's UI has as its base; the UI fills in what it knows.
_TASK = (
    f"{PREFIX[1:]}/task?dag_id={{DAG_ID}}&dag_run_id={{RUN_ID}}&task_id={{TASK_ID}}"
    "&map_index={MAP_INDEX}"
)
_ASSET = f"{PREFIX[1:]}/assets/{{ASSET_ID}}"


def apps() -> list[dict[str, Any]]:
    """Return what Airflow is to mount; nothing where the bridge is off."""
    return [{"app": _Page(), "url_prefix": PREFIX, "name": _NAME}] if _is_on() else []


def views() -> list[dict[str, Any]]:
    """Return the places of the page in Airflow's UI; none where the bridge is off."""
    if not _is_on():
        return []
    found = [
        _view("nav", "redis-state", f"{PREFIX[1:]}/", category="browse"),
        _view("task_instance", "redis-state-task", _TASK),
    ]
    if _has_place_at_assets():
        found.append(_view("asset", "redis-state-asset", _ASSET))
    return found


def _view(destination: str, route: str, href: str, **more: str) -> dict[str, Any]:
    return {"name": _NAME, "destination": destination, "url_route": route, "href": href, **more}


def _is_on() -> bool:
    from redis_state.plugin.activation import does_work  # noqa: PLC0415 - only the API server needs it

    return does_work()


def _has_place_at_assets() -> bool:
    # Since 3.4. One destination that Airflow does not know, and it shows nothing of a plug-in.
    from airflow import plugins_manager  # noqa: PLC0415 - the same

    return "asset" in str(getattr(plugins_manager, "BaseDestinationLiteral", ""))


class _Page:
    """The app, which is made at the first request to it."""

    def __init__(self) -> None:
        self._app: Any = None

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if self._app is None:
            from redis_state.plugin.page.app import create_page  # noqa: PLC0415 - as above

            self._app = create_page()
        # What Airflow's dependencies look for: its auth manager, its DAGs.
        self._app.state = scope["app"].state
        await self._app(scope, receive, send)
