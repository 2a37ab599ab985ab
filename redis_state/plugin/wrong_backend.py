"""What is told where ``[state_store] backend`` names no backend: nothing else of ours runs then.

Airflow finds out when a task first needs its state: it logs a traceback, and answers each try of
the task's client with "Internal server error". So the API server logs at its start what is wrong,
and the answers to tasks' state calls say it, with a status after which no client tries again. By
then, Airflow's own route has looked who asks.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, TypeAlias

_Message: TypeAlias = MutableMapping[str, Any]
_App: TypeAlias = Callable[[MutableMapping[str, Any], Any, Any], Awaitable[None]]

# Where tasks' state calls go.
_PATH = "/execution/store/"
_FAILED, _NOT_AGAIN = 500, 424
_log = logging.getLogger("redis_state.plugin")


def tell_wrong_backend(app: _App) -> _App:
    """Return what stands in front of Airflow's app: nothing, where there is a backend."""
    from redis_state.airflow.state_store import configured  # noqa: PLC0415 - only the API server

    store = configured()
    if store is None or not store.why_not:
        return app
    _log.error("%s Until then, tasks that use their state fail.", store.mistake)
    return _Telling(app, store.mistake)


class _Telling:
    def __init__(self, app: _App, mistake: str) -> None:
        self._app = app
        self._body = json.dumps({"detail": mistake}).encode()

    async def __call__(self, scope: MutableMapping[str, Any], receive: Any, send: Any) -> None:
        if scope["type"] != "http" or _PATH not in scope["path"]:
            await self._app(scope, receive, send)
            return
        is_replaced = False

        async def send_or_tell(message: _Message) -> None:
            nonlocal is_replaced
            if message["type"] == "http.response.start" and message["status"] == _FAILED:
                is_replaced = True
                await send(self._start())
                await send({"type": "http.response.body", "body": self._body})
            elif not is_replaced:
                await send(message)

        try:
            await self._app(scope, receive, send_or_tell)
        except Exception:
            # Starlette raises it once more, for the server's log, which has it already.
            if not is_replaced:
                raise

    def _start(self) -> _Message:
        headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % self._size)]
        return {"type": "http.response.start", "status": _NOT_AGAIN, "headers": headers}

    @property
    def _size(self) -> int:
        return len(self._body)
