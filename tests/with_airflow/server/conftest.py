"""Fixtures of the tests that go through Airflow's own API server to a real Redis."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import pytest
import redis

from redis_state.testing import EmbeddedServer
from tests.support.leaks import check_leaks
from tests.support.servers import raw_client
from tests.with_airflow.conftest import HAS_CORE

if TYPE_CHECKING or HAS_CORE:
    from airflow.sdk.api import client
    from tenacity import wait_none

    from tests.with_airflow.server.airflow_home import NAMESPACE, ApiServer, Home
    from tests.with_airflow.server.databases import empty_database
    from tests.with_airflow.server.metadata import Asset, Instance, Metadata
    from tests.with_airflow.server.tasks import RETRYING, Task
else:
    # The task SDK alone has no API server.
    collect_ignore_glob = ["test_*.py"]


@pytest.fixture(scope="session")
def redis_server() -> Iterator[EmbeddedServer]:
    with EmbeddedServer() as running:
        yield running


@pytest.fixture(scope="session")
def database(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with empty_database(tmp_path_factory) as url:
        yield url


@pytest.fixture(scope="session")
def home(
    tmp_path_factory: pytest.TempPathFactory, redis_server: EmbeddedServer, database: str
) -> Home:
    return Home(tmp_path_factory.mktemp("airflow-home"), redis_server.url, database)


@pytest.fixture(scope="session")
def metadata(home: Home) -> Iterator[Metadata]:
    database = Metadata(home.database)
    yield database
    database.close()


@pytest.fixture(scope="session")
def api(home: Home, metadata: Metadata) -> Iterator[ApiServer]:
    with ApiServer(home) as running:
        yield running


@pytest.fixture
def plain(redis_server: EmbeddedServer) -> Iterator[redis.Redis]:
    """Give an ordinary client of the Redis behind the API server, empty again after the test."""
    with raw_client(redis_server) as plain:
        yield plain
        try:
            check_leaks(plain, NAMESPACE, field_form=True)
        finally:
            plain.flushall()


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(RETRYING, "wait", wait_none())
    # A busy machine is no server that is away.
    monkeypatch.setattr(client, "API_TIMEOUT", 120.0)


@pytest.fixture
def task_of(home: Home, api: ApiServer, plain: Any) -> Iterator[Callable[[Instance], Task]]:
    with ExitStack() as stack:
        yield lambda instance: stack.enter_context(Task(home, api.url, instance))


@pytest.fixture
def task(metadata: Metadata, task_of: Callable[[Instance], Task]) -> Task:
    return task_of(metadata.instance())


@pytest.fixture
def mapped(metadata: Metadata, task_of: Callable[[Instance], Task]) -> list[Task]:
    """Give three instances of one mapped task; the first and the last share a page in Redis."""
    dag_id = metadata.dag()
    metadata.run(dag_id)
    return [task_of(instance) for instance in metadata.instances(dag_id, 0, 1, 128)]


@pytest.fixture
def asset(metadata: Metadata, plain: Any) -> Asset:
    return metadata.asset()
