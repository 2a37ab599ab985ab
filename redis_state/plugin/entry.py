"""The plug-in, as Airflow finds it by the entry point ``airflow.plugins``.

Airflow loads it in every process, so this imports next to nothing.
"""

from __future__ import annotations

from typing import Any, ClassVar

from redis_state.airflow.bases import plugin_base
from redis_state.plugin.bridge import bridge


class RedisStatePlugin(plugin_base()):  # type: ignore[misc]  # known at run time
    """Puts the bridge in front of Airflow's API server."""

    name = "redis_state"
    fastapi_root_middlewares: ClassVar[list[dict[str, Any]]] = [
        {"name": "redis-state: Airflow's UI and REST API on Redis", "middleware": bridge}
    ]
