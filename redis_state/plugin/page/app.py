"""The app of the page: its routes behind Airflow's own checks, its headers, and how it says no."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from http import HTTPStatus

from fastapi import APIRouter, Depends, FastAPI, HTTPException, Request, Response

from redis_state.plugin.checked import get_user
from redis_state.plugin.page.assets import asset_router
from redis_state.plugin.page.overview import overview_router
from redis_state.plugin.page.rendering import render, static_router
from redis_state.plugin.page.tasks import task_router

# Nothing but the two files of the page's own; shown by Airflow's UI alone.
_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'self'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}


def create_page() -> FastAPI:
    """Return the app; its ``state`` is to be that of Airflow's."""
    # As Airflow does it: each route has its own check, and all of them ask who it is.
    router = APIRouter(dependencies=[Depends(get_user)])
    for part in (overview_router, task_router, asset_router, static_router):
        router.include_router(part)
    app = FastAPI(openapi_url=None)
    app.include_router(router)
    app.exception_handler(HTTPException)(_say_no)
    app.middleware("http")(_with_headers)
    return app


def _say_no(request: Request, error: HTTPException) -> Response:
    phrase = HTTPStatus(error.status_code).phrase
    answer = render(request, "error.html", phrase=phrase, detail=str(error.detail))
    answer.status_code = error.status_code
    answer.headers.update(error.headers or {})
    return answer


async def _with_headers(
    request: Request, go_on: Callable[[Request], Awaitable[Response]]
) -> Response:
    answer = await go_on(request)
    answer.headers.update(_HEADERS)
    return answer
