"""A backend on fakeredis: no server and no socket, for quick unit tests of one's own code."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from hiredis import Reader, ReplyError

from redis_state.backends.server import RedisStateBackend
from redis_state.config.url import Server
from redis_state.errors import MisconfiguredError
from redis_state.operations.operation import Capabilities, Command, Operation, Replies, ScriptCall

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
        fake = _FakeClient(capabilities)
        self._client = fake  # type: ignore[assignment]  # it has the methods' part of one
        self._loop_clients = _FakeLoopClients(fake)  # type: ignore[assignment]  # the same

    def __repr__(self) -> str:
        return f"fake_backend(namespace={self.settings.namespace!r})"


class _FakeClient:
    def __init__(self, capabilities: Capabilities) -> None:
        self._capabilities = capabilities
        self._execute = _fakeredis()

    def run(self, operation: Operation[T]) -> T:
        while True:
            result = operation.end(self._exchange(operation))
            if not isinstance(result, Operation):
                return result
            operation = result

    def servers(self) -> list[Server]:
        return [Server("fake", 0)]

    def run_at(self, _: Server, operation: Operation[T]) -> T:
        return self.run(operation)

    def close(self) -> None:
        pass

    def _exchange(self, operation: Operation[Any]) -> Replies:
        batch = operation.begin(self._capabilities)
        return [self._reply(item, reads_errors=operation.reads_errors) for item in batch]

    def _reply(self, item: Command | ScriptCall, *, reads_errors: bool) -> Any:
        try:
            return self._execute(*_arguments(item))
        except Exception as error:
            # Told by its name: only the client knows redis-py.
            kinds = [kind.__name__ for kind in type(error).__mro__]
            if not reads_errors or "ResponseError" not in kinds:
                raise
            return ReplyError(str(error))


class _FakeLoopClients:
    def __init__(self, fake: _FakeClient) -> None:
        self._fake = fake

    def current(self) -> _FakeLoopClients:
        return self

    async def run(self, operation: Operation[T]) -> T:
        return self._fake.run(operation)

    async def servers(self) -> list[Server]:
        return self._fake.servers()

    async def run_at(self, server: Server, operation: Operation[T]) -> T:
        return self._fake.run_at(server, operation)

    def close_current(self) -> None:
        pass


def _arguments(item: Command | ScriptCall) -> Sequence[Any]:
    if isinstance(item, ScriptCall):
        return ("EVAL", item.script.text, len(item.pages), *item.pages, *item.arguments)
    if isinstance(item, tuple):
        return item
    reader = Reader()
    reader.feed(item)
    arguments: Sequence[Any] = reader.gets()
    return arguments


def _fakeredis() -> Callable[..., Any]:
    try:
        # First: what fakeredis does not find when it is imported, it never looks for again.
        import lupa  # noqa: F401, I001 - fakeredis runs Lua scripts only where it is installed
        import fakeredis
    except ImportError:
        raise MisconfiguredError(
            "There is no fakeredis with Lua here: pip install 'fakeredis[lua]' (the extra "
            "redis-state[testing])."
        ) from None
    server = fakeredis.FakeRedis(protocol=2)
    # Replies as Redis gives them, without redis-py's own reading of them.
    server.response_callbacks.clear()
    execute: Callable[..., Any] = server.execute_command
    return execute
