"""The answers, as Airflow's own routes give them."""

from __future__ import annotations

import asyncio
import json
from typing import Any

from starlette.responses import JSONResponse, Response

from redis_state.plugin.express_lane import passing
from redis_state.plugin.express_lane.checked import TaskStateStoreResponse
from redis_state.plugin.express_lane.passing import Passes
from redis_state.plugin.express_lane.requests import LARGEST_BODY, Asked

_KINDS = {"task": "Task", "asset": "Asset"}


def done(asked: Asked) -> Response:
    """Answer that a write is done."""
    return Response(status_code=204, headers=_headers(asked), media_type=JSONResponse.media_type)


async def value(asked: Asked, text: str | None) -> Response:
    """Answer with a value, or that there is none of this key."""
    if text is None:
        kind = _KINDS[asked.target.kind]
        message = f"{kind} state store key {asked.key!r} not found"
        return refused(asked, 404, {"reason": "not_found", "message": message})
    if len(text) > LARGEST_BODY:
        # It would hold up the event loop.
        return await asyncio.to_thread(_render, asked, text)
    return _render(asked, text)


def refused(asked: Asked, status: int, detail: Any) -> Response:
    """Answer as FastAPI does to an error of its own kind."""
    return _json(asked, status, {"detail": detail})


def _render(asked: Asked, text: str) -> Response:
    try:
        content = TaskStateStoreResponse(value=json.loads(text)).model_dump(mode="json")
        return _json(asked, 200, content)
    except (ValueError, RecursionError):
        raise Passes(passing.VALUE) from None


def _json(asked: Asked, status: int, content: Any) -> Response:
    return JSONResponse(content, status, headers=_headers(asked))


def _headers(asked: Asked) -> dict[str, str]:
    headers = {"airflow-api-version": asked.version.decode("latin-1")}
    if asked.correlation_id:
        headers["correlation-id"] = asked.correlation_id.decode("latin-1")
    return headers
