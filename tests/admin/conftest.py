"""What operators do is tried on a server of each form, and on a cluster."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from redis_state import RedisStateBackend
from redis_state.client._async.client import AsyncClient
from tests import matrix
from tests.support.topologies import Deployment


@pytest.fixture(params=(*matrix.ONE_OF_EACH_FORM, "valkey91-cluster"))
def server_name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
async def client(backend: RedisStateBackend, server: Deployment) -> AsyncIterator[AsyncClient]:
    made = AsyncClient(backend.settings)
    yield made
    made.close()
