"""The body of a request: read whole, and given to Airflow's own route after all if need be."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, TypeAlias

from starlette.middleware.base import BaseHTTPMiddleware

from redis_state.plugin.express_lane import passing
from redis_state.plugin.express_lane.passing import Passes
from redis_state.plugin.express_lane.requests import LARGEST_BODY

Message: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[Message]]

_RECEIVES_FROM = "wrapped_receive"


class Body:
    """What has been received of a request, which can be received again."""

    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        self._received: list[Message] = []

    async def read(self) -> bytes:
        """Receive the whole body."""
        parts, size = [], 0
        receive = directly(self._receive)
        while True:
            message = await receive()
            self._received.append(message)
            if message["type"] != "http.request":
                # The client has gone.
                raise Passes(passing.BODY)
            parts.append(message.get("body", b""))
            size += len(parts[-1])
            if size > LARGEST_BODY:
                raise Passes(passing.BODY)
            if not message.get("more_body", False):
                return b"".join(parts)

    async def receive(self) -> Message:
        """Receive it from its beginning: what was read, and what comes after."""
        return self._received.pop(0) if self._received else await self._receive()


def directly(receive: Receive) -> Receive:
    """Return what a ``BaseHTTPMiddleware`` receives from, if ``receive`` is of such a middleware.

    It opens a group of tasks for each message, to end when the response has been sent, which is
    never so while its body is read. That would be a fifth of the CPU time of a write.
    """
    function: Any = receive
    is_of_middleware = getattr(function, "__module__", None) == BaseHTTPMiddleware.__module__
    variables = getattr(getattr(function, "__code__", None), "co_freevars", ())
    if not is_of_middleware or _RECEIVES_FROM not in variables:
        return receive
    received: Receive = function.__closure__[variables.index(_RECEIVES_FROM)].cell_contents
    return received


def parse(body: bytes, model: Any) -> Any:
    """Read a body as Airflow's own model of it."""
    try:
        return model.model_validate(json.loads(body), from_attributes=True)
    except (ValueError, RecursionError):
        raise Passes(passing.BODY) from None
