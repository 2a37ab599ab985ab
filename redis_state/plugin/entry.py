"""The plug-in, as Airflow finds it by the entry point ``airflow.plugins``.

Airflow loads it in every process, so this imports next to nothing.
"""

from __future__ import annotations

from functools import cached_property
from typing import Any, ClassVar

from redis_state.airflow.bases import plugin_base
from redis_state.plugin.bridge import bridge
from redis_state.plugin.express_lane.begin import express_lane
from redis_state.plugin.page import mount
from redis_state.plugin.wrong_backend import tell_wrong_backend


class RedisStatePlugin(plugin_base()):  # type: ignore[misc]  # known at run time
    """Puts the bridge and the express lane in front of Airflow's API, and a page into its UI."""

    name = "redis_state"
    # The first one is the innermost: nothing of ours stands between the lane and Airflow's routes.
    fastapi_root_middlewares: ClassVar[list[dict[str, Any]]] = [
        {"name": "redis-state: tasks' state calls", "middleware": express_lane},
        {"name": "redis-state: a backend that is not there", "middleware": tell_wrong_backend},
        {"name": "redis-state: Airflow's UI and REST API on Redis", "middleware": bridge},
    ]

    # Airflow asks an instance, and asks for these in its API server alone.
    @cached_property
    def fastapi_apps(self) -> list[dict[str, Any]]:
        """The app of the page."""
        return mount.apps()

    @cached_property
    def external_views(self) -> list[dict[str, Any]]:
        """Where the page stands in Airflow's UI."""
        return mount.views()
