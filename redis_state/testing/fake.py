"""A backend on fakeredis: no server and no socket, for quick unit tests of one's own code."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from redis_state.backend import RedisStateBackend
from redis_state.errors import MisconfiguredError
from redis_state.operations import Batch, Capabilities, Operation, Replies, ScriptCall

T = TypeVar("T")


def fake_backend(*, field_expiry: bool = True, **options: Any) -> RedisStateBackend:
    """Return a backend that keeps its state in this process, and forgets it when it goes.

    It runs the same commands and scripts as a real one; ``field_expiry=False`` runs those of a
    server without it. What fakeredis says of a server is no proof: see `EmbeddedServer`.
    """
    return _FakeBackend(Capabilities(field_expiry=field_expiry, hsetex=field_expiry), **options)


class _FakeBackend(RedisStateBackend):
    def __init__(self, capabilities: Capabilities, **options: Any) -> None:
        super().__init__(**options)
        self._fake = _FakeClient(capabilities)

    def __repr__(self) -> str:
        return f"fake_backend(namespace={self.settings.namespace!r})"

    def _run(self, operation: Operation[T]) -> T:
        return self._fake.run(operation)

    async def _arun(self, operation: Operation[T]) -> T:
        return self._fake.run(operation)


class _FakeClient:
    def __init__(self, capabilities: Capabilities) -> None:
        self._capabilities = capabilities
        self._execute = _fakeredis()

    def run(self, operation: Operation[T]) -> T:
        steps = operation(self._capabilities)
        try:
            batch = next(steps)
            while True:
                batch = steps.send(self._exchange(batch))
        except StopIteration as end:
            result: T = end.value
            return result

    def _exchange(self, batch: Batch) -> Replies:
        return [
            self._execute("EVAL", item.script.text, len(item.pages), *item.pages, *item.arguments)
            if isinstance(item, ScriptCall)
            else self._execute(*item)
            for item in batch
        ]


def _fakeredis() -> Callable[..., Any]:
    try:
        import fakeredis
        import lupa  # noqa: F401 - fakeredis runs Lua scripts only where it is installed
    except ImportError:
        raise MisconfiguredError(
            "There is no fakeredis with Lua here: pip install 'redis-state[testing]'."
        ) from None
    server = fakeredis.FakeRedis(protocol=2)
    # Replies as Redis gives them, without redis-py's own reading of them.
    server.response_callbacks.clear()
    execute: Callable[..., Any] = server.execute_command
    return execute
