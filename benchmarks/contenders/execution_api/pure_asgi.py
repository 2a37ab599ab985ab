"""The middlewares that a task's request meets in Airflow, written as pure ASGI.

Each does what its namesake in Airflow 3.3 does, or in Cadwyn. These derive from Starlette's
`BaseHTTPMiddleware`, which runs what is behind it in a task of its own and passes each answer
through a stream: most of what such a middleware takes.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, TypeAlias

import structlog
import svcs
from airflow.api_fastapi.app import get_auth_manager, get_cookie_path
from airflow.api_fastapi.auth.managers.base_auth_manager import COOKIE_NAME_JWT_TOKEN
from airflow.api_fastapi.auth.managers.exceptions import AuthManagerRefreshTokenExpiredException
from airflow.api_fastapi.auth.middlewares.refresh_token import JWTRefreshMiddleware
from airflow.api_fastapi.auth.tokens import JWTGenerator, JWTValidator
from airflow.api_fastapi.core_api.security import USER_INJECTED_BY_TRUSTED_MIDDLEWARE
from airflow.api_fastapi.execution_api.app import CorrelationIdMiddleware, JWTReissueMiddleware
from airflow.configuration import conf
from cadwyn._internal.context_vars import DEFAULT_API_VERSION_VAR
from cadwyn.middleware import VersionPickingMiddleware
from fastapi import HTTPException, Request, Response
from fastapi.datastructures import Headers
from fastapi.middleware import Middleware
from fastapi.responses import JSONResponse

_Scope: TypeAlias = MutableMapping[str, Any]
_Message: TypeAlias = MutableMapping[str, Any]
_Receive: TypeAlias = Callable[[], Awaitable[_Message]]
_Send: TypeAlias = Callable[[_Message], Awaitable[None]]
_App: TypeAlias = Callable[[_Scope, _Receive, _Send], Awaitable[None]]

_log = structlog.get_logger(logger_name=__name__)


class CorrelationId:
    """Binds a request's correlation id to what is logged, and sends it back."""

    def __init__(self, app: _App) -> None:
        self._app = app

    async def __call__(self, scope: _Scope, receive: _Receive, send: _Send) -> None:
        """Do so for an HTTP request that has one."""
        found = _header(scope, "correlation-id")
        if not found:
            await self._app(scope, receive, send)
            return
        structlog.contextvars.bind_contextvars(correlation_id=found)

        async def send_with_id(message: _Message) -> None:
            if message["type"] == "http.response.start":
                _set(message, "correlation-id", found)
            await send(message)

        await self._app(scope, receive, send_with_id)


class VersionPicking:
    """Tells which version of the API a request wants, and sends that back."""

    def __init__(
        self,
        app: _App,
        *,
        api_version_parameter_name: str,
        api_version_default_value: Any,
        api_version_var: Any,
        api_version_manager: Any,
    ) -> None:
        self._app = app
        self._name = api_version_parameter_name
        self._default = api_version_default_value
        self._picked = api_version_var
        self._manager = api_version_manager

    async def __call__(self, scope: _Scope, receive: _Receive, send: _Send) -> None:
        """Do so for an HTTP request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request = Request(scope, receive)
        version = self._manager.get(request)
        if version is None:
            version = self._default
            if callable(version):
                version = await version(request)
            DEFAULT_API_VERSION_VAR.set(version)
        self._picked.set(version)

        async def send_with_version(message: _Message) -> None:
            if message["type"] == "http.response.start" and version is not None:
                _set(message, self._name, version)
            await send(message)

        await self._app(scope, receive, send_with_version)


class JWTReissue:
    """Sends a new token to a task whose token has little time left."""

    def __init__(self, app: _App) -> None:
        self._app = app

    async def __call__(self, scope: _Scope, receive: _Receive, send: _Send) -> None:
        """Do so for an HTTP request that has a token."""
        found = _header(scope, "authorization")
        if not found or not found.lower().startswith("bearer "):
            await self._app(scope, receive, send)
            return

        async def send_with_token(message: _Message) -> None:
            if message["type"] == "http.response.start" and (token := await self._renewed(scope)):
                _set(message, "Refreshed-API-Token", token)
            await send(message)

        await self._app(scope, receive, send_with_token)

    @staticmethod
    async def _renewed(scope: _Scope) -> str | None:
        try:
            token = (_header(scope, "authorization") or "").split(" ", 1)[1]
            async with svcs.Container(scope["app"].state.svcs_registry) as services:
                validator = await services.aget(JWTValidator)
                claims = await validator.avalidated_claims(token, {})
                # Those live long, until their task begins.
                if claims.get("scope") == "workload":
                    return None
                expires, issued = int(claims.get("exp", 0)), int(claims.get("iat", 0))
                if expires - int(time.time()) > max(int((expires - issued) * 0.20), 30):
                    return None
                generator = await services.aget(JWTGenerator)
                return str(generator.generate(claims))
        except Exception as error:  # noqa: BLE001 - as Airflow does: it must not end the answer
            _log.warning("A token could not be renewed.", error=str(error), exc_info=True)
            return None


class JWTRefresh:
    """Knows the user of a browser by a cookie, and renews it."""

    def __init__(self, app: _App) -> None:
        self._app = app

    async def __call__(self, scope: _Scope, receive: _Receive, send: _Send) -> None:
        """Do so for an HTTP request that has the cookie."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request = Request(scope, receive)
        cookies: list[tuple[bytes, bytes]] = []
        has_begun = False

        async def send_with_cookies(message: _Message) -> None:
            nonlocal has_begun
            if message["type"] == "http.response.start":
                has_begun = True
                message["headers"] = [*message.get("headers", ()), *cookies]
            await send(message)

        try:
            if (token := request.cookies.get(COOKIE_NAME_JWT_TOKEN)) is not None:
                cookies += await self._refresh(request, token)
            await self._app(scope, receive, send_with_cookies)
        except HTTPException as error:
            if has_begun:
                raise
            answer = JSONResponse({"detail": error.detail}, error.status_code)
            await answer(scope, receive, send)

    @staticmethod
    async def _refresh(request: Request, token: str) -> list[tuple[bytes, bytes]]:
        try:
            refreshed, known = await JWTRefreshMiddleware._refresh_user(token)  # noqa: SLF001
        except (HTTPException, AuthManagerRefreshTokenExpiredException):
            return _cookies(request, "")
        if user := (refreshed or known):
            request.state.user = user
            request.state.user_authenticated_via = USER_INJECTED_BY_TRUSTED_MIDDLEWARE
        return _cookies(request, get_auth_manager().generate_jwt(refreshed)) if refreshed else []


REPLACED = {
    JWTRefreshMiddleware: JWTRefresh,
    CorrelationIdMiddleware: CorrelationId,
    JWTReissueMiddleware: JWTReissue,
    VersionPickingMiddleware: VersionPicking,
}


def replace(app: Any) -> None:
    """Put these in their namesakes' places, before an app is first asked for anything."""
    app.user_middleware[:] = [
        Middleware(REPLACED.get(each.cls, each.cls), *each.args, **each.kwargs)
        for each in app.user_middleware
    ]


def _header(scope: _Scope, name: str) -> str | None:
    if scope["type"] != "http":
        return None
    value: str | None = Headers(scope=scope).get(name)
    return value


def _set(message: _Message, name: str, value: str) -> None:
    """Set a header, in the place of what it was."""
    name_there = name.lower().encode("latin-1")
    headers = [each for each in message.get("headers", ()) if each[0].lower() != name_there]
    message["headers"] = [*headers, (name_there, value.encode("latin-1"))]


def _cookies(request: Request, token: str) -> list[tuple[bytes, bytes]]:
    """Return the headers that set the cookie, or remove it if there is no token."""
    answer = Response()
    path = get_cookie_path()
    is_secure = request.base_url.scheme == "https" or bool(conf.get("api", "ssl_cert", fallback=""))
    same = {"httponly": True, "secure": is_secure, "samesite": "lax"}
    max_age = None if token else 0
    answer.set_cookie(COOKIE_NAME_JWT_TOKEN, token, path=path, max_age=max_age, **same)
    if path != "/":
        # An older Airflow may have set it there.
        answer.delete_cookie(COOKIE_NAME_JWT_TOKEN, path="/", **same)
    return [each for each in answer.raw_headers if each[0] == b"set-cookie"]
