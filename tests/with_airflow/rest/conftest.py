"""Fixtures of the tests of Airflow's REST API on Redis, and beside it on Airflow's own store."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest
import redis

from redis_state.testing import EmbeddedServer
from tests.support.leaks import check_leaks
from tests.support.servers import raw_client
from tests.with_airflow.conftest import HAS_CORE

pytest.register_assert_rewrite("tests.with_airflow.rest.airflows")

if TYPE_CHECKING or HAS_CORE:
    from airflow.sdk.api import client
    from tenacity import wait_none

    from tests.with_airflow.rest.airflows import Airflow, Both, State, options_of
    from tests.with_airflow.server.airflow_home import BASE_URL, NAMESPACE, ApiServer, Home
    from tests.with_airflow.server.databases import empty_database
    from tests.with_airflow.server.metadata import Metadata
    from tests.with_airflow.server.tasks import RETRYING
else:
    # The task SDK alone has no API server.
    collect_ignore_glob = ["test_*.py"]

_METASTORE = "airflow.state.metastore.MetastoreBackend"
BEHIND_A_PROXY = {BASE_URL: "https://example.com/team/airflow"}


@pytest.fixture(scope="session")
def redis_server() -> Iterator[EmbeddedServer]:
    with EmbeddedServer() as running:
        yield running


@pytest.fixture(scope="session")
def database(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[], str]]:
    """Give a function that makes an empty database, which is PostgreSQL in one slow lane."""
    with ExitStack() as stack:
        yield lambda: stack.enter_context(empty_database(tmp_path_factory))


@pytest.fixture(scope="session")
def home_of(
    tmp_path_factory: pytest.TempPathFactory,
    redis_server: EmbeddedServer,
    database: Callable[[], str],
) -> Callable[[str], Home]:
    return lambda name: Home(tmp_path_factory.mktemp(name), redis_server.url, database())


@pytest.fixture(scope="session")
def home(home_of: Callable[[str], Home]) -> Home:
    return home_of("airflow-on-redis")


@pytest.fixture(scope="session")
def metadata(home: Home) -> Iterator[Metadata]:
    database = Metadata(home.database)
    yield database
    database.close()


@pytest.fixture(scope="session")
def ours(home: Home, metadata: Metadata) -> Iterator[Airflow]:
    """Run an Airflow on Redis."""
    server = ApiServer(home, "all", **options_of(home), **BEHIND_A_PROXY)
    with Airflow(home, metadata, server).running() as running:
        yield running


@pytest.fixture(scope="session")
def starting(home_of: Callable[[str], Home]) -> Iterator[Airflow]:
    """Start an Airflow with its own store, beside the one on Redis."""
    home = home_of("airflow-with-its-own-store")
    metadata = Metadata(home.database)
    more = {"AIRFLOW__STATE_STORE__BACKEND": _METASTORE}
    server = ApiServer(home, "all", **options_of(home), **BEHIND_A_PROXY, **more)
    yield Airflow(home, metadata, server)
    server.stop()
    metadata.close()


@pytest.fixture(scope="session")
def both(starting: Airflow, ours: Airflow) -> Iterator[Both]:
    with starting.running() as own:
        yield Both(ours, own)


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


@pytest.fixture(params=["task", "asset"])
def state(request: pytest.FixtureRequest, both: Both, plain: redis.Redis) -> State:
    """Give the state of a new task, then that of a new asset, in both Airflows."""
    return both.task() if request.param == "task" else both.asset()


@pytest.fixture
def task(both: Both, plain: redis.Redis) -> State:
    return both.task()


@pytest.fixture
def asset(both: Both, plain: redis.Redis) -> State:
    return both.asset()
