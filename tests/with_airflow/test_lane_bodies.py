"""How the express lane receives a body behind the middlewares of Airflow."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import anyio
import pytest
from starlette.middleware.base import BaseHTTPMiddleware
from starlette.responses import Response

from redis_state.plugin.express_lane.bodies import Body, Message, Receive, directly
from redis_state.plugin.express_lane.passing import Passes

_PARTS: list[Message] = [
    {"type": "http.request", "body": b"[1,", "more_body": True},
    {"type": "http.request", "body": b"2]", "more_body": False},
]
_GONE: Message = {"type": "http.disconnect"}


def behind_a_middleware(app: Callable[[Receive], Awaitable[None]], messages: list[Message]) -> None:
    """Let ``app`` receive these messages through Starlette's middleware."""

    async def answers(scope: Any, receive: Receive, send: Any) -> None:
        await app(receive)
        await Response()(scope, receive, send)

    async def pass_on(request: Any, call_next: Any) -> Any:
        return await call_next(request)

    async def receive() -> Message:
        return messages.pop(0)

    async def send(message: Message) -> None:
        pass

    scope = {"type": "http", "method": "PUT", "path": "/", "headers": []}
    middleware = BaseHTTPMiddleware(answers, dispatch=pass_on)
    asyncio.run(middleware(scope, receive, send))


def test_a_body_behind_a_middleware_is_read_without_a_group_of_tasks(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    bodies = []

    async def read(receive: Receive) -> None:
        with monkeypatch.context() as without_groups:
            without_groups.setattr(anyio, "create_task_group", None)
            bodies.append(await Body(receive).read())

    behind_a_middleware(read, [*_PARTS])
    assert bodies == [b"[1,2]"]


def test_what_was_read_behind_a_middleware_is_received_again_and_then_what_comes_after() -> None:
    received = []

    async def read_and_receive(receive: Receive) -> None:
        body = Body(receive)
        await body.read()
        received.extend([await body.receive() for _ in range(3)])

    behind_a_middleware(read_and_receive, [*_PARTS, _GONE])
    assert received == [*_PARTS, _GONE]


def test_a_client_that_goes_behind_a_middleware_ends_its_body() -> None:
    ended = []

    async def read(receive: Receive) -> None:
        with pytest.raises(Passes) as passes:
            await Body(receive).read()
        ended.append(passes.value.reason)

    behind_a_middleware(read, [_PARTS[0], _GONE])
    assert ended == ["body"]


def test_whatever_else_receives_is_asked_itself() -> None:
    async def receive() -> Message:
        return _GONE

    wrapped_receive = receive

    async def alike() -> Message:
        return await wrapped_receive()

    class Receiver:
        """What another release of Starlette might have, which is no function."""

        __module__ = BaseHTTPMiddleware.__module__

        async def __call__(self) -> Message:
            return _GONE

    receiver = Receiver()
    assert directly(receive) is receive
    assert directly(alike) is alike
    assert directly(receiver) is receiver
