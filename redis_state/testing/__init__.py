"""Parts for the tests of those who use redis-state: a real server, and a backend without one.

    with EmbeddedServer() as server:
        backend = RedisStateBackend(url=server.url)

    backend = fake_backend()

The same as pytest fixtures, with nothing to import: ``redis_state_server``,
``redis_state_backend`` and ``fake_redis_state_backend``.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from redis_state.testing.fake import fake_backend
    from redis_state.testing.server import EmbeddedServer

# Imported when first used: pytest loads the plug-in beside it in every test run of its users.
_HOMES = {"EmbeddedServer": "server", "fake_backend": "fake"}

__all__ = ["EmbeddedServer", "fake_backend"]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'redis_state.testing' has no attribute {name!r}")
    return getattr(import_module(f"redis_state.testing.{_HOMES[name]}"), name)
