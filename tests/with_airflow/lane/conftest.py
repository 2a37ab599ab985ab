"""Fixtures of the tests of the express lane: two API servers on one metadata database.

None outlives this folder: the server in this process has an environment of its own.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from redis_state.testing import EmbeddedServer
from tests.support.servers import raw_client
from tests.with_airflow.conftest import HAS_CORE

pytest.register_assert_rewrite("tests.with_airflow.lane.pair")

if TYPE_CHECKING or HAS_CORE:
    from tests.with_airflow.lane.pair import LANE, PLAIN, Pair
    from tests.with_airflow.lane.seeds import seed
    from tests.with_airflow.lane.world import World
    from tests.with_airflow.rest.airflows import options_of
    from tests.with_airflow.server.airflow_home import ApiServer, Home
    from tests.with_airflow.server.databases import empty_database
    from tests.with_airflow.server.inside import InsideServer, inside_server
    from tests.with_airflow.server.metadata import Metadata
else:
    # The task SDK alone has no API server.
    collect_ignore_glob = ["test_*.py"]

NAMESPACE = "AIRFLOW__REDIS_STATE__NAMESPACE"
EXPRESS_LANE = "AIRFLOW__REDIS_STATE__EXPRESS_LANE"


@pytest.fixture(scope="package")
def redis_server() -> Iterator[EmbeddedServer]:
    with EmbeddedServer() as running:
        yield running


@pytest.fixture(scope="package")
def database(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with empty_database(tmp_path_factory) as url:
        yield url


@pytest.fixture(scope="package")
def home(
    tmp_path_factory: pytest.TempPathFactory, redis_server: EmbeddedServer, database: str
) -> Home:
    return Home(tmp_path_factory.mktemp("airflow-home"), redis_server.url, database)


@pytest.fixture(scope="package")
def metadata(home: Home) -> Iterator[Metadata]:
    database = Metadata(home.database)
    yield database
    database.close()


@pytest.fixture(scope="package")
def starting(home: Home, metadata: Metadata) -> Iterator[ApiServer]:
    """Start a server without the lane, while the one with it comes up."""
    more = {NAMESPACE: PLAIN, EXPRESS_LANE: "False"}
    server = ApiServer(home, "all", **options_of(home), **more)
    yield server
    server.stop()


@pytest.fixture(scope="package")
def lane(home: Home, metadata: Metadata) -> Iterator[InsideServer]:
    """Run a server with the lane in this process, where it can be seen what it counts."""
    more = {NAMESPACE: LANE, EXPRESS_LANE: "True"}
    with inside_server(home, metadata, "all", **options_of(home), **more) as running:
        yield running


@pytest.fixture(scope="package")
def pair(
    home: Home,
    metadata: Metadata,
    redis_server: EmbeddedServer,
    starting: ApiServer,
    lane: InsideServer,
) -> Iterator[Pair]:
    with starting as plain, raw_client(redis_server) as client:
        ports = {PLAIN: port_of(plain.root), LANE: port_of(lane.root)}
        world = World(home, metadata)
        seed(world, ports[PLAIN], client)
        pair = Pair(world, client, ports)
        pair.keep()
        world.let_some_go()
        yield pair


def port_of(root: str) -> int:
    return int(root.rpartition(":")[2])
