"""Airflow's access log tells of each request, whoever has answered it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from tests.support.waiting import wait_for
from tests.with_airflow.lane.asked import message
from tests.with_airflow.lane.caller import Caller
from tests.with_airflow.lane.conftest import EXPRESS_LANE, NAMESPACE, port_of
from tests.with_airflow.lane.pair import LANE, PLAIN
from tests.with_airflow.lane.wire import Connection
from tests.with_airflow.rest.airflows import options_of
from tests.with_airflow.server.airflow_home import ApiServer, Home
from tests.with_airflow.server.metadata import Metadata

ASKED = 7
_COLOURS = re.compile(r"\x1b\[[0-9;]*m")
_FIELD = re.compile(r"\b(method|path|query|status_code)=('[^']*'|\S+)")


@pytest.fixture
def servers(home: Home, metadata: Metadata) -> Iterator[dict[str, ApiServer]]:
    def start(name: str) -> ApiServer:
        more = {NAMESPACE: name, EXPRESS_LANE: str(name == LANE)}
        return ApiServer(home, "all", **options_of(home), **more)

    # They come up at the same time.
    started = {name: start(name) for name in (PLAIN, LANE)}
    with ExitStack() as stack:
        for each in started.values():
            stack.callback(each.stop)
        yield {name: stack.enter_context(each) for name, each in started.items()}


def lines_of(server: ApiServer) -> list[dict[str, str]]:
    """Return what the access log says of the requests for state, when it has all of them."""

    def lines() -> list[str]:
        log = _COLOURS.sub("", server.log).splitlines()
        return [line for line in log if "request finished" in line and "/store/" in line]

    wait_for(lambda: len(lines()) == ASKED, "a line for each")
    return [dict(_FIELD.findall(line)) for line in lines()]


def test_the_access_log_has_the_same_lines_with_the_lane_and_without(
    servers: dict[str, ApiServer], home: Home, metadata: Metadata
) -> None:
    instance, other = metadata.instance(), metadata.instance()
    for server in servers.values():
        caller = Caller(home, instance, port_of(server.root))
        for method in ("PUT", "GET", "DELETE", "GET", "POST"):
            caller.ask(method)
        # What is refused.
        caller.path = caller.path.replace(str(instance.id), str(other.id))
        caller.ask("GET")
        with Connection(caller.port) as connection:
            connection.send(message("GET", "/execution/store/asset/by-name/value?name=a&key=b"))
            connection.answer()
    assert "express lane is on" in servers[LANE].log
    assert lines_of(servers[LANE]) == lines_of(servers[PLAIN])
    told = [(line["method"], line["path"], line["status_code"]) for line in lines_of(servers[LANE])]
    own, others = (f"/execution/store/ti/{each.id}/key" for each in (instance, other))
    assert told == [
        *(("PUT", own, "204"), ("GET", own, "200"), ("DELETE", own, "204"), ("GET", own, "404")),
        *(("POST", own, "405"), ("GET", others, "403")),
        ("GET", "/execution/store/asset/by-name/value", "401"),
    ]
