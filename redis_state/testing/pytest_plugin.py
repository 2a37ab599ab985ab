"""The pytest fixtures; everything is imported when a fixture is first used."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING
from uuid import uuid4

import pytest

if TYPE_CHECKING:
    from redis_state.backends.server import RedisStateBackend
    from redis_state.testing.server import EmbeddedServer


@pytest.fixture(scope="session")
def redis_state_server() -> Iterator[EmbeddedServer]:
    """Run one real server for the whole test run."""
    from redis_state.testing.server import EmbeddedServer

    with EmbeddedServer() as server:
        yield server


@pytest.fixture
def redis_state_backend(redis_state_server: EmbeddedServer) -> Iterator[RedisStateBackend]:
    """Give a backend on the real server, with a namespace of its own."""
    from redis_state.backends.server import RedisStateBackend

    backend = RedisStateBackend(url=redis_state_server.url, namespace=f"test-{uuid4().hex}")
    yield backend
    backend.close()


@pytest.fixture
def fake_redis_state_backend() -> RedisStateBackend:
    """Give a backend on fakeredis: quick, and no proof of what a server does."""
    from redis_state.testing.fake import fake_backend

    return fake_backend()
