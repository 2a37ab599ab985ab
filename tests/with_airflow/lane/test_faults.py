"""Redis or the database hangs, clients are slow or vanish, the server stops: Airflow goes on."""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from http import HTTPStatus

import pytest

from redis_state.plugin.express_lane.counts import COUNTS
from redis_state.testing import EmbeddedServer
from tests import matrix
from tests.support.freezing import frozen
from tests.support.waiting import wait_for
from tests.with_airflow.lane.asked import API_VERSION, message
from tests.with_airflow.lane.conftest import EXPRESS_LANE, NAMESPACE, port_of
from tests.with_airflow.lane.pair import LANE
from tests.with_airflow.lane.wire import Answer, Connection
from tests.with_airflow.rest.airflows import options_of
from tests.with_airflow.server.airflow_home import ApiServer, Home
from tests.with_airflow.server.inside import InsideServer
from tests.with_airflow.server.metadata import Instance, Metadata

CALLS = 40
# Fewer than Airflow has connections to its database.
FEW = 8
MANY = 1_000
ALL_UP_WITHIN = 120
BODY = json.dumps({"value": 1}).encode()


@dataclass
class Caller:
    """A task that sends its requests in pieces, or does not wait for the answer."""

    home: Home
    instance: Instance
    port: int
    path: str = field(init=False)

    def __post_init__(self) -> None:
        self.path = f"/execution/store/ti/{self.instance.id}/key"

    def head(self, method: str) -> bytes:
        headers = [
            ("Airflow-API-Version", API_VERSION),
            ("Authorization", f"Bearer {self.home.token(self.instance.id)}"),
        ]
        if method == "PUT":
            headers += [
                ("Content-Type", "application/json"),
                ("Content-Length", str(len(BODY))),
            ]
        return message(method, self.path, headers)

    def ask(self, method: str = "GET") -> Answer | None:
        with Connection(self.port) as connection:
            connection.send(self.head(method) + (BODY if method == "PUT" else b""))
            return connection.answer(method)

    def state_of_the_run(self) -> Answer | None:
        """Ask what only the metadata database knows, by a route that is not the lane's."""
        scope = self.instance.scope
        token = self.home.token(self.instance.id)
        target = f"/execution/dag-runs/{scope.dag_id}/{scope.run_id}/state"
        with Connection(self.port) as connection:
            connection.send(message("GET", target, [("Authorization", f"Bearer {token}")]))
            return connection.answer()


@pytest.fixture
def caller(home: Home, metadata: Metadata, lane: InsideServer) -> Caller:
    return Caller(home, metadata.instance(), port_of(lane.root))


def status(answer: Answer | None) -> int | None:
    return None if answer is None else answer.status


@pytest.mark.parametrize("method", ["GET", "PUT"])
def test_while_redis_hangs_other_requests_are_answered(
    caller: Caller, redis_server: EmbeddedServer, method: str
) -> None:
    assert status(caller.ask("PUT")) == HTTPStatus.NO_CONTENT
    answered = COUNTS.answered
    with ThreadPoolExecutor(CALLS) as threads, frozen(redis_server):
        calls = [threads.submit(caller.ask, method) for _ in range(CALLS)]
        # By then all the others have come, and some of them wait.
        wait_for(lambda: any(call.done() for call in calls))
        assert status(caller.state_of_the_run()) == HTTPStatus.OK
        assert {status(call.result()) for call in calls} == {HTTPStatus.SERVICE_UNAVAILABLE}
    # Each error of the library's own is the lane's answer.
    assert COUNTS.answered - answered == CALLS
    wait_for(lambda: status(caller.ask("PUT")) == HTTPStatus.NO_CONTENT)


@contextmanager
def locked(metadata: Metadata) -> Iterator[None]:
    """Let the database answer nobody who asks for a task instance."""
    with metadata.engine.connect() as connection:
        connection.exec_driver_sql("LOCK TABLE task_instance")
        yield
        connection.rollback()


@pytest.mark.skipif(matrix.METADATA == "sqlite", reason="who reads there waits for nobody")
def test_while_the_database_hangs_airflows_own_route_waits_for_it(
    caller: Caller, metadata: Metadata
) -> None:
    assert status(caller.ask("PUT")) == HTTPStatus.NO_CONTENT
    passed = COUNTS.passed["database"]
    with ThreadPoolExecutor(FEW) as threads:
        with locked(metadata):
            calls = [threads.submit(caller.ask) for _ in range(FEW)]
            wait_for(lambda: COUNTS.passed["database"] - passed == FEW, "giving up")
            with Connection(caller.port) as connection:
                connection.send(message("GET", "/execution/health/ping"))
                assert status(connection.answer()) == HTTPStatus.OK
            assert [call for call in calls if call.done()] == []
        assert {status(call.result()) for call in calls} == {HTTPStatus.OK}
    answered = COUNTS.answered
    wait_for(lambda: status(caller.ask()) == HTTPStatus.OK and COUNTS.answered > answered)


@pytest.mark.skipif(matrix.METADATA == "sqlite", reason="there is no connection to close")
def test_a_connection_that_the_database_closes_is_opened_again(
    caller: Caller, metadata: Metadata
) -> None:
    assert status(caller.ask("PUT")) == HTTPStatus.NO_CONTENT
    with metadata.engine.connect() as connection:
        ended = connection.exec_driver_sql(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE query LIKE '%%task_instance.id = ANY%%' AND pid != pg_backend_pid()"
        )
        assert list(ended) == [(True,)]
    passed, answered = COUNTS.passed["database"], COUNTS.answered
    assert status(caller.ask()) == HTTPStatus.OK
    assert COUNTS.passed["database"] - passed == 1
    assert status(caller.ask()) == HTTPStatus.OK
    assert COUNTS.answered - answered == 1


def test_clients_that_send_half_a_body_hold_up_nobody(caller: Caller) -> None:
    with ExitStack() as stack:
        slow = [stack.enter_context(Connection(caller.port)) for _ in range(CALLS)]
        for each in slow:
            each.send(caller.head("PUT") + BODY[:5])
        assert status(caller.ask("PUT")) == HTTPStatus.NO_CONTENT
        for each in slow[: CALLS // 2]:
            each.send(BODY[5:])
            assert status(each.answer("PUT")) == HTTPStatus.NO_CONTENT
        passed = COUNTS.passed["body"]
        # The others vanish.
    wait_for(lambda: COUNTS.passed["body"] - passed == CALLS // 2)
    assert status(caller.ask()) == HTTPStatus.OK


def test_a_thousand_connections_are_answered(caller: Caller) -> None:
    assert status(caller.ask("PUT")) == HTTPStatus.NO_CONTENT
    asked = COUNTS.batches.total()
    request = caller.head("GET")
    with ExitStack() as stack:
        crowd = [stack.enter_context(Connection(caller.port)) for _ in range(MANY)]
        for each in crowd:
            each.send(request)
        answers = [each.answer() for each in crowd]
    assert {status(answer) for answer in answers} == {HTTPStatus.OK}
    assert COUNTS.batches.total() - asked < MANY / 2


@pytest.fixture
def stopping(home: Home, metadata: Metadata) -> Iterator[ApiServer]:
    more = {NAMESPACE: LANE, EXPRESS_LANE: "True"}
    with ApiServer(home, "all", **options_of(home), **more) as running:
        yield running


def test_a_server_that_is_stopped_answers_what_it_has_begun(
    home: Home, metadata: Metadata, stopping: ApiServer, redis_server: EmbeddedServer
) -> None:
    caller = Caller(home, metadata.instance(), port_of(stopping.root))
    with Connection(caller.port) as first, Connection(caller.port) as second:
        first.send(caller.head("PUT") + BODY)
        assert status(first.answer("PUT")) == HTTPStatus.NO_CONTENT
        second.send(caller.head("PUT") + BODY[:5])
        # One after another on the server's loop: it has come as well.
        assert status(caller.ask()) == HTTPStatus.OK
        stopping.terminate()
        wait_for(lambda: "Shutting down" in stopping.log)
        second.send(BODY[5:])
        assert status(second.answer("PUT")) == HTTPStatus.NO_CONTENT
    stopping.wait()
    assert "Finished server process" in stopping.log


def test_each_of_several_workers_has_a_lane(home: Home, metadata: Metadata) -> None:
    more = {NAMESPACE: LANE, EXPRESS_LANE: "True", "WEB_CONCURRENCY": "2"}
    with ApiServer(home, "all", **options_of(home), **more) as server:
        wait_for(lambda: server.log.count("express lane is on") == 2, "both", ALL_UP_WITHIN)
        caller = Caller(home, metadata.instance(), port_of(server.root))
        assert status(caller.ask("PUT")) == HTTPStatus.NO_CONTENT
        # They share the connections, though not evenly.
        with ThreadPoolExecutor(CALLS) as threads:
            calls = [threads.submit(caller.ask) for _ in range(CALLS)]
            assert {status(call.result()) for call in calls} == {HTTPStatus.OK}
