"""Redis is silent while many ask for state through REST: the rest of Airflow is answered."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from tests.support.proxy import UP, Proxy, Weather
from tests.support.servers import OpenServer
from tests.support.waiting import wait_for
from tests.with_airflow.rest.airflows import Airflow, options_of, path_of
from tests.with_airflow.server.airflow_home import Home
from tests.with_airflow.server.inside import inside_server
from tests.with_airflow.server.metadata import Metadata

# Airflow has 15 connections to its database.
CALLS = 40
OPTIONS = {
    # Longer than the half minute that Airflow waits for one of them.
    "AIRFLOW__REDIS_STATE__BUDGET": "120",
    "AIRFLOW__REDIS_STATE__TIMEOUT": "100",
    "AIRFLOW__REDIS_STATE__CONNECT_TIMEOUT": "100",
    # All of them wait, each for a connection of its own, so they can be counted.
    "AIRFLOW__REDIS_STATE__BREAKER_AFTER": "0",
    "AIRFLOW__REDIS_STATE__FAST_LANE": "False",
    "AIRFLOW__REDIS_STATE__POOL_SIZE": str(CALLS),
}
SILENCE = Weather(swallow=True, ways=(UP,))


@pytest.fixture(scope="module")
def proxy() -> Iterator[Proxy]:
    with OpenServer() as server, Proxy(server.port) as proxy:
        yield proxy


@pytest.fixture(scope="module")
def airflow(home: Home, metadata: Metadata, proxy: Proxy) -> Iterator[Airflow]:
    options = options_of(home) | OPTIONS | {"AIRFLOW__REDIS_STATE__URL": proxy.url}
    with (
        inside_server(home, metadata, "all", **options) as server,
        Airflow(home, metadata, server).logged_in() as airflow,
    ):
        yield airflow


@pytest.mark.parametrize(
    ("kind", "method", "suffix"),
    [
        ("task", "GET", ""),
        ("task", "GET", "/key"),
        ("task", "PUT", "/key"),
        ("task", "PATCH", "/key"),
        ("task", "DELETE", ""),
        ("asset", "GET", ""),
        ("asset", "PUT", "/key"),
        ("asset", "DELETE", "/key"),
    ],
)
def test_who_waits_for_redis_holds_no_connection_to_the_database(
    airflow: Airflow, proxy: Proxy, kind: str, method: str, suffix: str
) -> None:
    metadata = airflow.metadata
    scope = metadata.instance().scope if kind == "task" else metadata.asset()
    path = f"{path_of(scope)}{suffix}"
    body = {"value": 1} if method in {"PUT", "PATCH"} else None
    check(airflow, proxy, lambda: airflow.request(method, path, json=body))


def test_nor_does_who_looks_at_the_page_state_store(airflow: Airflow, proxy: Proxy) -> None:
    scope = airflow.metadata.instance().scope
    task = {"dag_id": scope.dag_id, "dag_run_id": scope.run_id, "task_id": scope.task_id}
    page, user = f"{airflow.server.root}/redis-state/task", airflow.users["admin"]
    check(airflow, proxy, lambda: airflow.http.get(page, params=task, headers=user))


def check(airflow: Airflow, proxy: Proxy, ask: Callable[[], httpx.Response]) -> None:
    before = proxy.counts["connections"]
    with ThreadPoolExecutor(CALLS) as threads:
        with proxy.weather(SILENCE):
            # Those that were opened for the requests before would hide some.
            proxy.cut()
            calls = [threads.submit(ask) for _ in range(CALLS)]
            wait_for(lambda: proxy.counts["connections"] >= before + CALLS, "waiting for Redis")
            assert airflow.metadata.engine.pool.checkedout() == 0
            assert airflow.request("GET", "/pools").status_code == 200
            assert [call for call in calls if call.done()] == []
        # The network is well again, and each call asks once more.
        proxy.cut()
        assert {call.result().status_code for call in calls} <= {200, 204, 404}
