"""The benchmark's middlewares of pure ASGI do what Airflow's own do, to requests and answers."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from contextvars import ContextVar, copy_context
from dataclasses import dataclass
from typing import Any

import jwt
import pytest
import structlog
import svcs
from airflow.api_fastapi import app as airflow_app
from airflow.api_fastapi.auth.managers.exceptions import AuthManagerRefreshTokenExpiredException
from airflow.api_fastapi.auth.managers.simple.simple_auth_manager import SimpleAuthManager
from airflow.api_fastapi.auth.managers.simple.user import SimpleAuthManagerUser
from airflow.api_fastapi.auth.middlewares.refresh_token import JWTRefreshMiddleware
from airflow.api_fastapi.auth.tokens import JWTGenerator, JWTValidator
from airflow.api_fastapi.execution_api.app import CorrelationIdMiddleware, JWTReissueMiddleware
from cadwyn._internal.context_vars import DEFAULT_API_VERSION_VAR
from cadwyn.middleware import HeaderVersionManager, VersionPickingMiddleware
from fastapi import FastAPI, HTTPException, Request, Response
from fastapi.middleware import Middleware

from benchmarks.contenders.execution_api import pure_asgi

SECRET = "s" * 64
EXPIRES = re.compile(rb"expires=[^;]*")
AUDIENCE = "urn:airflow.apache.org:task"
RENEWED = {"sub": "id", "scope": "execution"}
VERSION: ContextVar[str | None] = ContextVar("version", default=None)
PICKING = {
    "api_version_parameter_name": "Airflow-API-Version",
    "api_version_var": VERSION,
    "api_version_manager": HeaderVersionManager(api_version_parameter_name="Airflow-API-Version"),
}


class AuthManager(SimpleAuthManager):  # type: ignore[misc]  # untyped where the checker runs
    """Takes a name for a token."""

    async def get_user_from_token(self, token: str) -> Any:
        if token == "expired":
            raise jwt.ExpiredSignatureError
        if token == "nonsense":
            raise jwt.InvalidTokenError
        return SimpleAuthManagerUser(username=token, role="admin")

    def refresh_user(self, *, user: Any) -> Any:
        if user.username == "refused":
            raise AuthManagerRefreshTokenExpiredException
        return user if user.username == "renewed" else None

    def generate_jwt(self, user: Any, **_: Any) -> str:
        return f"token-of-{user.username}"


@dataclass
class Answer:
    """What the client gets, and what the route behind has seen."""

    status: int
    headers: list[tuple[bytes, bytes]]
    body: bytes
    seen: dict[str, Any]


def answer(middleware: Any, headers: dict[str, str], path: str = "/", **options: Any) -> Answer:
    seen: dict[str, Any] = {}
    app = FastAPI(middleware=[Middleware(middleware, **options)])
    app.state.svcs_registry = registry()

    async def route(request: Request, response: Response) -> str:
        user = getattr(request.state, "user", None)
        trusted = getattr(request.state, "user_authenticated_via", None)
        logged = structlog.contextvars.get_contextvars()
        seen.update(user=user, trusted=trusted, logged=logged, version=VERSION.get())
        seen["default version"] = DEFAULT_API_VERSION_VAR.get(None)
        if request.url.path != "/":
            response.headers["correlation-id"] = response.headers["airflow-api-version"] = "mine"
        return "it"

    async def refused() -> None:
        raise HTTPException(418, "no")

    for its_path in ("/", "/with-headers"):
        app.add_api_route(its_path, route)
    app.add_api_route("/refused", refused)
    messages: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: dict[str, Any]) -> None:
        messages.append(message)

    scope = {
        "type": "http",
        "method": "GET",
        "path": path,
        "query_string": b"",
        "scheme": "http",
        "headers": [(name.lower().encode(), value.encode()) for name, value in headers.items()],
        "server": ("127.0.0.1", 80),
        "client": ("127.0.0.1", 1),
        "http_version": "1.1",
    }
    # Each request has a context of its own, as under uvicorn.
    copy_context().run(asyncio.run, app(scope, receive, send))
    body = b"".join(each.get("body", b"") for each in messages)
    start = messages[0]
    return Answer(start["status"], sorted(map(tuple, start["headers"])), body, seen)


def registry() -> svcs.Registry:
    found = svcs.Registry()
    found.register_value(JWTValidator, JWTValidator(secret_key=SECRET, audience=AUDIENCE))
    found.register_value(JWTGenerator, generator(600))
    return found


def generator(seconds: float) -> JWTGenerator:
    return JWTGenerator(secret_key=SECRET, audience=AUDIENCE, issuer=None, valid_for=seconds)


def bearer(seconds: float, scope: str = "execution") -> dict[str, str]:
    token = generator(seconds).generate({"sub": "id", "scope": scope})
    return {"Authorization": f"Bearer {token}"}


@pytest.mark.parametrize("path", ["/", "/with-headers", "/refused", "/nowhere"])
@pytest.mark.parametrize("headers", [{}, {"Correlation-Id": "a-1"}, {"Correlation-Id": ""}])
def test_a_correlation_id_is_logged_and_sent_back_alike(headers: dict[str, str], path: str) -> None:
    theirs, ours = (
        answer(each, headers, path) for each in (CorrelationIdMiddleware, pure_asgi.CorrelationId)
    )
    assert ours == theirs


async def choose(request: Request) -> str:
    return f"2026-{len(request.headers):02}-01"


@pytest.mark.parametrize("path", ["/", "/with-headers", "/refused", "/nowhere"])
@pytest.mark.parametrize("default", ["2026-06-30", None, choose], ids=["text", "none", "function"])
@pytest.mark.parametrize("headers", [{}, {"Airflow-API-Version": "2025-04-28"}])
def test_a_version_is_picked_and_sent_back_alike(
    headers: dict[str, str], default: Any, path: str
) -> None:
    options = {**PICKING, "api_version_default_value": default}
    theirs, ours = (
        answer(each, headers, path, **options)
        for each in (VersionPickingMiddleware, pure_asgi.VersionPicking)
    )
    assert ours == theirs


@pytest.mark.parametrize(
    ("make", "is_renewed"),
    [
        (dict, False),
        (lambda: {"Authorization": "Basic dXNlcjpwYXNz"}, False),
        (lambda: {"Authorization": "Bearer nonsense"}, False),
        (lambda: bearer(600), False),
        # Not before the test runs: it lives for seconds.
        (lambda: bearer(20), True),
        (lambda: bearer(20, "workload"), False),
        (lambda: bearer(-60), False),
    ],
    ids=["none", "basic", "nonsense", "fresh", "expiring", "workload", "expired"],
)
@pytest.mark.parametrize("path", ["/", "/refused"])
def test_a_token_is_renewed_alike(
    make: Callable[[], dict[str, str]], path: str, *, is_renewed: bool
) -> None:
    headers = make()
    theirs, ours = (
        answer(each, headers, path) for each in (JWTReissueMiddleware, pure_asgi.JWTReissue)
    )
    assert claims(ours) == claims(theirs) == (RENEWED if is_renewed else {})
    assert ours == theirs


def claims(answer: Answer) -> dict[str, str]:
    """Take a renewed token out of an answer, as no two are the same, and say whose it is."""
    found = dict(answer.headers).get(b"refreshed-api-token")
    answer.headers = [each for each in answer.headers if each[0] != b"refreshed-api-token"]
    if found is None:
        return {}
    said = jwt.decode(found, SECRET, ["HS512"], audience=AUDIENCE)
    return {name: said[name] for name in ("sub", "scope")}


@pytest.mark.parametrize("base", ["/", "/airflow/"])
@pytest.mark.parametrize("path", ["/", "/refused"])
@pytest.mark.parametrize("token", [None, "known", "renewed", "refused", "expired", "nonsense"])
def test_a_cookie_tells_the_user_and_is_renewed_or_removed_alike(
    monkeypatch: pytest.MonkeyPatch, token: str | None, path: str, base: str
) -> None:
    monkeypatch.setattr(airflow_app._AuthManagerState, "instance", AuthManager())
    monkeypatch.setattr(airflow_app, "API_ROOT_PATH", base)
    headers = {"Cookie": f"_token={token}"} if token else {}
    theirs, ours = (
        answer(each, headers, path) for each in (JWTRefreshMiddleware, pure_asgi.JWTRefresh)
    )
    for each in (theirs, ours):
        # They are asked one after the other, maybe in another second.
        each.headers = [(name, EXPIRES.sub(b"", value)) for name, value in each.headers]
    assert ours == theirs
    is_changed = any(name == b"set-cookie" for name, _ in ours.headers)
    assert is_changed == (token not in {None, "known"})


def refusing(app: Any) -> Any:
    async def refuse(*_: Any) -> None:
        raise HTTPException(403, "not you")

    return refuse


def test_a_refusal_of_another_middleware_is_answered_alike() -> None:
    def around(middleware: Any) -> Any:
        return lambda app: middleware(refusing(app))

    theirs, ours = (
        answer(around(each), {}) for each in (JWTRefreshMiddleware, pure_asgi.JWTRefresh)
    )
    assert ours == theirs
    assert ours.status == 403


def test_each_takes_the_place_of_its_namesake_and_of_no_other() -> None:
    app = FastAPI()
    app.add_middleware(CorrelationIdMiddleware)
    app.add_middleware(VersionPickingMiddleware, **PICKING, api_version_default_value=None)
    app.add_middleware(refusing)
    pure_asgi.replace(app)
    found = [(each.cls, each.kwargs) for each in app.user_middleware]
    picking = {**PICKING, "api_version_default_value": None}
    assert found == [
        (refusing, {}),
        (pure_asgi.VersionPicking, picking),
        (pure_asgi.CorrelationId, {}),
    ]
