"""The app that answers Airflow's routes for state, with Airflow's own checks in front of them."""

from __future__ import annotations

from fastapi import APIRouter, Depends, FastAPI

from redis_state.plugin import checked
from redis_state.plugin.asset_routes import asset_router
from redis_state.plugin.task_routes import task_router


def create_routes() -> FastAPI:
    """Return the app; its ``state`` is to be that of Airflow's."""
    # As Airflow does it: each route has its own check, and all of them ask who it is.
    router = APIRouter(prefix="/api/v2", dependencies=[Depends(checked.get_user)])
    router.include_router(task_router)
    router.include_router(asset_router)
    app = FastAPI(openapi_url=None)
    app.include_router(router)
    checked.init_error_handlers(app)
    return app
