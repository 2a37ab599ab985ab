"""How the plug-in begins the express lane, and says in the log whether it is on."""

from __future__ import annotations

import logging
from typing import Any

from redis_state.airflow.express_lane import LaneState, tell

_log = logging.getLogger("redis_state.plugin")


def express_lane(app: Any) -> Any:
    """Return what stands in front of Airflow's app: the lane, or nothing where it is off."""
    # Only the API server needs what is imported here.
    from redis_state.plugin.activation import our_backend  # noqa: PLC0415
    from redis_state.plugin.express_lane import conditions  # noqa: PLC0415

    backend = our_backend()
    if backend is None:
        return app
    try:
        conditions.check_backend(backend)
        versions = conditions.known_api_versions()
        conditions.check_tracing()
        execution = conditions.execution_api(app)
    except conditions.Off as off:
        tell(LaneState(str(off)))
        level = logging.WARNING if backend.settings.express_lane else logging.INFO
        _log.log(level, "redis-state's express lane is off: %s", off)
        return app
    from redis_state.plugin.express_lane.middleware import ExpressLane  # noqa: PLC0415

    tell(LaneState())
    _log.info("redis-state's express lane is on: it answers tasks' state calls.")
    return ExpressLane(app, execution, backend, versions)
