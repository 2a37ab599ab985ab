"""Encryption and rotation are tried on one server of each form."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import redis

from redis_state import RedisStateBackend, RedisWorkerBackend
from redis_state.testing import EmbeddedServer
from tests.matrix import ONE_OF_EACH_FORM
from tests.support.waiting import PATIENT

FIRST, SECOND, THIRD = (base64.urlsafe_b64encode(bytes([byte] * 32)).decode() for byte in (1, 2, 3))


@pytest.fixture(params=ONE_OF_EACH_FORM)
def server_name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def with_keys(
    make_backend: Callable[..., RedisStateBackend],
) -> Callable[..., RedisStateBackend]:
    def make(*keys: str, **options: Any) -> RedisStateBackend:
        own = {"encryption": "own", "encryption_keys": ",".join(keys)} if keys else {}
        return make_backend(**own, **options)

    return make


@pytest.fixture
def make_worker(
    server: EmbeddedServer, namespace: str
) -> Iterator[Callable[..., RedisWorkerBackend]]:
    made: list[RedisWorkerBackend] = []

    def make(*keys: str, **options: Any) -> RedisWorkerBackend:
        own = {"encryption": "own", "encryption_keys": ",".join(keys)} if keys else {}
        made.append(
            RedisWorkerBackend(url=server.url, namespace=namespace, **PATIENT, **own, **options)
        )
        return made[-1]

    yield make
    for worker in made:
        worker.close()


@pytest.fixture
def stored(raw: redis.Redis, namespace: str) -> Callable[[], dict[tuple[bytes, bytes], bytes]]:
    """Give a function that returns every value's bytes by page and field."""

    def read() -> dict[tuple[bytes, bytes], bytes]:
        found: dict[tuple[bytes, bytes], bytes] = {}
        for page in raw.scan_iter(match=f"{namespace}:*", count=1000):
            fields: Any = raw.hgetall(page)
            found |= {(page, field): value for field, value in fields.items() if field != b"\0"}
        return found

    return read
