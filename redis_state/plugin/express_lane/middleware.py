"""The express lane as Airflow's API server runs it: in front of its routes, on its event loop."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any, TypeAlias

import structlog
from fastapi import HTTPException
from starlette.responses import Response

from redis_state.airflow import database_mark
from redis_state.backends.server import RedisStateBackend
from redis_state.format import references
from redis_state.plugin.express_lane import answers, counts, passing
from redis_state.plugin.express_lane.bodies import Body, Receive, parse
from redis_state.plugin.express_lane.checked import AssetStateStorePutBody, TaskStateStorePutBody
from redis_state.plugin.express_lane.lookups import Found, Lookups
from redis_state.plugin.express_lane.passing import Passes
from redis_state.plugin.express_lane.requests import MARK, Asked, Scope, read_request
from redis_state.plugin.express_lane.settling import settle_later, settle_when_started
from redis_state.plugin.express_lane.tokens import bearer

App: TypeAlias = Callable[[Scope, Any, Any], Awaitable[None]]

# As many calls wait for Redis as Airflow has threads for its own routes, and some more.
_AT_ONCE = 64
_MODELS = {"task": TaskStateStorePutBody, "asset": AssetStateStorePutBody}


class ExpressLane:
    """Answers tasks' state calls, and passes all other requests on to ``app``."""

    def __init__(
        self, app: App, execution: Any, backend: RedisStateBackend, versions: tuple[bytes, ...]
    ) -> None:
        self._app = app
        self._execution = execution
        self._backend = backend
        self._versions = versions
        self._counts = counts.begin()
        self._lookups = Lookups(self._counts)
        self._at_once = asyncio.Semaphore(_AT_ONCE)

    async def __call__(self, scope: Scope, receive: Receive, send: Any) -> None:
        """Answer a request, or pass it on."""
        if scope["type"] != "http" or MARK not in scope["path"]:
            if scope["type"] == "lifespan":
                send = settle_when_started(send)
            await self._app(scope, receive, send)
            return
        body = Body(receive)
        try:
            response = await self._respond(scope, body)
        except Passes as passes:
            self._counts.has_passed(passes.reason)
            await self._app(scope, body.receive, send)
        else:
            self._counts.has_answered()
            await response(scope, body.receive, send)
            settle_later(self._counts.answered)

    async def _respond(self, scope: Scope, body: Body) -> Response:
        asked = read_request(scope, self._versions)
        if asked.correlation_id:
            # For what is logged of this request, as in Airflow's own middleware.
            correlation_id = asked.correlation_id.decode("latin-1")
            structlog.contextvars.bind_contextvars(correlation_id=correlation_id)
        return await self._answer(asked, body)

    async def _answer(self, asked: Asked, body: Body) -> Response:
        task = await bearer(self._execution.state.svcs_registry, asked.token)
        if asked.target.task not in {None, task}:
            raise Passes(passing.TOKEN)
        written = None
        if asked.has_body:
            written = parse(await body.read(), _MODELS[asked.target.kind])
        if self._backend.settings.require_owner and database_mark.known() is None:
            raise Passes(passing.OWNER)
        is_asset_write = asked.target.task is None and asked.method != "GET"
        found = await self._lookups.find(asked.target, task if is_asset_write else None)
        try:
            async with self._at_once:
                return await self._do(asked, written, found)
        except HTTPException as error:
            return answers.refused(asked, error.status_code, error.detail)
        except Passes:
            raise
        except Exception:  # noqa: BLE001 - Airflow's own route meets it as well, and tells it
            raise Passes(passing.FAILURE) from None

    async def _do(self, asked: Asked, written: Any, found: Found) -> Response:
        scope, session = found.scope, found.session
        if asked.key is None:
            await self._backend.aclear(scope, session=session)
        elif asked.method == "GET":
            text = await self._backend.aget(scope, asked.key, session=session)
            return await answers.value(asked, text)
        elif asked.method == "DELETE":
            await self._backend.adelete(scope, asked.key, session=session)
        else:
            await self._set(asked, written, found)
        return answers.done(asked)

    async def _set(self, asked: Asked, written: Any, found: Found) -> None:
        text = json.dumps(written.value)
        more = {}
        if asked.target.task is not None:
            more["expires_at"] = written.expires_at
        elif text.startswith(references.DOCUMENT):
            # Whose worker value that is, the metadata database knows.
            raise Passes(passing.REFERENCE)
        assert asked.key is not None
        await self._backend.aset(found.scope, asked.key, text, session=found.session, **more)
