"""`require_owner` with the express lane: nothing is answered before it is known whose it is."""

from __future__ import annotations

from collections.abc import Iterator
from http import HTTPStatus
from urllib.parse import urlsplit

import pytest

from redis_state.airflow import database_mark
from redis_state.format.owner import owner_key
from redis_state.plugin.express_lane.counts import COUNTS
from redis_state.testing import EmbeddedServer
from tests.support.servers import raw_client
from tests.support.waiting import wait_for
from tests.with_airflow.lane.caller import Caller, status
from tests.with_airflow.server.airflow_home import Home
from tests.with_airflow.server.inside import inside_server
from tests.with_airflow.server.metadata import Metadata

OWNED = "owned"
OPTIONS = {
    "AIRFLOW__REDIS_STATE__NAMESPACE": OWNED,
    "AIRFLOW__REDIS_STATE__EXPRESS_LANE": "True",
    "AIRFLOW__REDIS_STATE__REQUIRE_OWNER": "True",
}


@pytest.fixture
def caller(
    home: Home,
    metadata: Metadata,
    redis_server: EmbeddedServer,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Caller]:
    # What servers on other databases have left in this process.
    monkeypatch.setattr(database_mark, "_known", {})
    with inside_server(home, metadata, "all", **OPTIONS) as running:
        port = urlsplit(running.root).port
        assert port is not None
        yield Caller(home, metadata.instance(), port)
    with raw_client(redis_server) as client:
        client.flushall()


def test_airflows_own_route_finds_out_whose_the_namespace_is(
    caller: Caller, redis_server: EmbeddedServer
) -> None:
    wait_for(database_mark.known, "the mark")
    mark = database_mark.known()
    with raw_client(redis_server) as client:
        wait_for(lambda: client.exists(owner_key(OWNED)), "the owner")
        client.hset(owner_key(OWNED), "database", "another")
        database_mark._known.clear()
        passed, answered = COUNTS.passed["owner"], COUNTS.answered
        first, second = caller.ask("PUT"), caller.ask("PUT")
        assert (COUNTS.passed["owner"] - passed, COUNTS.answered - answered) == (1, 1)
        assert first is not None
        assert second is not None
        # Airflow's own route has answered the first, and the lane the second.
        assert (first.status, first.body) == (second.status, second.body)
        assert b"require_owner refuses" in first.body
        client.hset(owner_key(OWNED), "database", mark or "")
        assert status(caller.ask("PUT")) == HTTPStatus.NO_CONTENT
        assert COUNTS.answered - answered == 2
