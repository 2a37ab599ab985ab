"""Redis or the database hangs, clients are slow or vanish, the server stops: Airflow goes on."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from http import HTTPStatus

import pytest
from sqlalchemy.ext.asyncio import AsyncConnection

from redis_state.plugin.express_lane.counts import COUNTS
from redis_state.testing import EmbeddedServer
from tests import matrix
from tests.support.freezing import frozen
from tests.support.waiting import PATIENCE, wait_for
from tests.with_airflow.lane.asked import message
from tests.with_airflow.lane.caller import BODY, Caller, status
from tests.with_airflow.lane.conftest import EXPRESS_LANE, NAMESPACE, port_of
from tests.with_airflow.lane.pair import LANE
from tests.with_airflow.lane.wire import Connection
from tests.with_airflow.rest.airflows import options_of
from tests.with_airflow.server.airflow_home import GUNICORN, UVICORN, ApiServer, Home
from tests.with_airflow.server.inside import InsideServer
from tests.with_airflow.server.metadata import Metadata

CALLS = 40
# Fewer than Airflow has connections to its database.
FEW = 8
MANY = 1_000
ALL_UP_WITHIN = 120


@pytest.fixture
def caller(home: Home, metadata: Metadata, lane: InsideServer) -> Caller:
    return Caller(home, metadata.instance(), port_of(lane.root))


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


@contextmanager
def standing_still(metadata: Metadata, caller: Caller) -> Iterator[None]:
    """Let the database say nothing any more on the connection that the lane has."""
    found: list[int] = []

    def is_there() -> bool:
        # It is kept for a second.
        assert status(caller.ask("PUT")) == HTTPStatus.NO_CONTENT
        with metadata.engine.connect() as connection:
            asked = "SELECT pid FROM pg_stat_activity WHERE query LIKE '%%task_instance.id = ANY%%'"
            named = connection.exec_driver_sql(f"{asked} AND pid != pg_backend_pid()")
            found.extend(named.scalars())
        return bool(found)

    wait_for(is_there)
    (process,) = found
    os.kill(process, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(process, signal.SIGCONT)


@pytest.mark.skipif(matrix.METADATA == "sqlite", reason="there is no connection")
def test_a_connection_that_gives_no_answer_is_not_used_again(
    caller: Caller, metadata: Metadata
) -> None:
    passed = COUNTS.passed["database"]

    def has_failed() -> bool:
        assert status(caller.ask()) == HTTPStatus.OK
        return COUNTS.passed["database"] > passed

    with standing_still(metadata, caller):
        wait_for(has_failed)
        answered = COUNTS.answered
        wait_for(lambda: status(caller.ask()) == HTTPStatus.OK and COUNTS.answered > answered)


@pytest.mark.skipif(matrix.METADATA == "sqlite", reason="there is no connection")
def test_a_connection_that_cannot_be_closed_holds_up_nobody(
    caller: Caller, metadata: Metadata, monkeypatch: pytest.MonkeyPatch
) -> None:
    closing = threading.Event()
    close = AsyncConnection.close

    async def note(connection: AsyncConnection) -> None:
        closing.set()
        await close(connection)

    with standing_still(metadata, caller):
        monkeypatch.setattr(AsyncConnection, "close", note)
        assert closing.wait(PATIENCE)
        answered = COUNTS.answered
        wait_for(lambda: status(caller.ask()) == HTTPStatus.OK and COUNTS.answered > answered)


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


@pytest.mark.parametrize(
    ("command", "variables"),
    [
        pytest.param(UVICORN, {"WEB_CONCURRENCY": "2"}, id="uvicorn"),
        pytest.param(
            GUNICORN,
            {
                "AIRFLOW__API__SERVER_TYPE": "gunicorn",
                # The tables are made, and not by migrations.
                "AIRFLOW__DATABASE__CHECK_MIGRATIONS": "False",
            },
            id="gunicorn",
        ),
    ],
)
def test_each_of_several_workers_has_a_lane(
    home: Home, metadata: Metadata, command: str, variables: dict[str, str]
) -> None:
    more = {NAMESPACE: LANE, EXPRESS_LANE: "True", **variables, **options_of(home)}
    with ApiServer(home, "all", command=command, **more) as server:
        wait_for(lambda: server.log.count("express lane is on") == 2, "both", ALL_UP_WITHIN)
        caller = Caller(home, metadata.instance(), port_of(server.root))
        assert status(caller.ask("PUT")) == HTTPStatus.NO_CONTENT
        # They share the connections, though not evenly.
        with ThreadPoolExecutor(CALLS) as threads:
            calls = [threads.submit(caller.ask) for _ in range(CALLS)]
            assert {status(call.result()) for call in calls} == {HTTPStatus.OK}
