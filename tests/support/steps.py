"""An operation, one step at a time: to let a process die, or another come, between any two."""

from __future__ import annotations

from typing import Any

import redis
from hiredis import Reader

from redis_state.operations.operation import Capabilities, Operation, ScriptCall

MOST = 1000


class Steps:
    """Takes the steps of operations on a server; what an operation raises ends it."""

    def __init__(self, client: redis.Redis, *, field_expiry: bool) -> None:
        self._client = client
        self._server = Capabilities(field_expiry=field_expiry, hsetex=False)

    def take(self, operation: Operation[Any]) -> Any:
        """Return what an operation comes to by its next step: a result, or how it goes on."""
        return operation.end([self._reply(item) for item in operation.begin(self._server)])

    def run(self, operation: Operation[Any], most: int = MOST) -> int:
        """Take all steps, or as many as there is time for; the answer is how many it took."""
        taken, left = 0, operation
        while taken < most and isinstance(left, Operation):
            left = self.take(left)
            taken += 1
        return taken

    def _reply(self, item: Any) -> Any:
        if isinstance(item, ScriptCall):
            return self._client.execute_command(
                "EVAL", item.script.text, len(item.pages), *item.pages, *item.arguments
            )
        if isinstance(item, bytes):
            reader = Reader()
            reader.feed(item)
            item = reader.gets()
        return self._client.execute_command(*item)
