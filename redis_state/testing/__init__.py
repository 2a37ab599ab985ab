"""Parts for the tests of those who use redis-state: a real server, and a backend without one.

    with EmbeddedServer() as server:
        backend = RedisStateBackend(url=server.url)

    backend = fake_backend()

The same as pytest fixtures, with nothing to import: ``redis_state_server``,
``redis_state_backend`` and ``fake_redis_state_backend``.
"""

from __future__ import annotations

from redis_state.testing.fake import fake_backend
from redis_state.testing.server import EmbeddedServer

__all__ = ["EmbeddedServer", "fake_backend"]
