"""Fixtures of the tests of the page: an Airflow on Redis, with a path in its address."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest
import redis

from redis_state import RedisStateBackend
from redis_state.testing import EmbeddedServer
from tests.support.leaks import check_leaks
from tests.support.servers import raw_client
from tests.with_airflow.conftest import HAS_CORE

if TYPE_CHECKING or HAS_CORE:
    from tests.with_airflow.page.pages import PATH, Pages
    from tests.with_airflow.rest.airflows import Airflow, options_of
    from tests.with_airflow.server.airflow_home import NAMESPACE, ApiServer, Home
    from tests.with_airflow.server.metadata import Metadata
else:
    # The task SDK alone has no API server.
    collect_ignore_glob = ["test_*.py"]


@pytest.fixture(scope="session")
def redis_server() -> Iterator[EmbeddedServer]:
    with EmbeddedServer() as running:
        yield running


@pytest.fixture(scope="session")
def airflow(
    tmp_path_factory: pytest.TempPathFactory, redis_server: EmbeddedServer
) -> Iterator[Airflow]:
    folder = tmp_path_factory.mktemp("airflow-with-a-path")
    home = Home(folder, redis_server.url, f"sqlite:///{folder / 'airflow.db'}")
    metadata = Metadata(home.database)
    options = options_of(home) | {
        "AIRFLOW__CORE__AUTH_MANAGER": "tests.with_airflow.page.auth_manager.AuthManager",
        "AIRFLOW__API__BASE_URL": f"http://airflow.example{PATH}",
    }
    server = ApiServer(home, apps="all", **options)
    server.root += PATH
    server.url = f"{server.root}/execution/"
    with server, Airflow(home, metadata, server).logged_in() as running:
        yield running
    metadata.close()


@pytest.fixture
def metadata(airflow: Airflow) -> Metadata:
    return airflow.metadata


@pytest.fixture
def pages(airflow: Airflow, plain: redis.Redis) -> Pages:
    return Pages(airflow)


@pytest.fixture
def backend(redis_server: EmbeddedServer) -> Iterator[RedisStateBackend]:
    """Give what sets state past Airflow."""
    made = RedisStateBackend(url=redis_server.url, namespace=NAMESPACE)
    yield made
    made.close()


@pytest.fixture
def plain(redis_server: EmbeddedServer) -> Iterator[redis.Redis]:
    """Give an ordinary client of the Redis behind the API server, empty again after the test."""
    with raw_client(redis_server) as plain:
        yield plain
        try:
            check_leaks(plain, NAMESPACE, field_form=True)
        finally:
            plain.flushall()
