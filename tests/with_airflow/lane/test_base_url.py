"""Behind a base URL with a path, the express lane answers as Airflow does there."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace

import pytest

from tests.with_airflow.lane.asked import ANSWERED, ELSEWHERE, Asked, ask, put
from tests.with_airflow.lane.conftest import EXPRESS_LANE, NAMESPACE, port_of
from tests.with_airflow.lane.pair import LANE, PLAIN, Pair
from tests.with_airflow.rest.airflows import options_of
from tests.with_airflow.server.airflow_home import BASE_URL, ApiServer, Home
from tests.with_airflow.server.inside import inside_server
from tests.with_airflow.server.metadata import Metadata

PATH = "/team/airflow"
_TI = "/execution/store/ti/<ti>"
_BY_NAME = "/execution/store/asset/by-name"
_NAME = "name=<name of asset>"
_OF_ANOTHER = "Bearer <good to other>"

REQUESTS = (
    ask("get", ANSWERED, "GET", f"{PATH}{_TI}/key"),
    ask("get of what is not there", ANSWERED, "GET", f"{PATH}{_TI}/absent"),
    ask("get of a key with a slash", ANSWERED, "GET", f"{PATH}{_TI}/a/b"),
    ask("get of a key like the path", ANSWERED, "GET", f"{PATH}{_TI}{PATH}/key"),
    put("set", ANSWERED, f"{PATH}{_TI}/key"),
    ask("delete", ANSWERED, "DELETE", f"{PATH}{_TI}/key"),
    ask("clear", ANSWERED, "DELETE", f"{PATH}{_TI}"),
    ask("get of an asset", ANSWERED, "GET", f"{PATH}{_BY_NAME}/value?{_NAME}&key=key"),
    put("set of an asset", ANSWERED, f"{PATH}{_BY_NAME}/value?{_NAME}&key=key"),
    ask("clear of an asset", ANSWERED, "DELETE", f"{PATH}{_BY_NAME}/clear?{_NAME}"),
    ask("another's token", "token", "GET", f"{PATH}{_TI}/key", authorization=_OF_ANOTHER),
    ask("a key with a newline", "key", "GET", f"{PATH}{_TI}/a%0Ab"),
    ask("a slash behind", "key", "DELETE", f"{PATH}{_TI}/"),
    ask("another method", "request", "POST", f"{PATH}{_TI}/key"),
    ask("an escaped letter in it", ANSWERED, "GET", f"/%74eam/airflow{_TI}/key"),
    ask("an escaped slash in it", ANSWERED, "GET", f"/team%2Fairflow{_TI}/key"),
    ask("without it", "request", "GET", f"{_TI}/key"),
    put("without it: set", "request", f"{_TI}/key"),
    ask("without it: clear", "request", "DELETE", _TI),
    ask("without it: asset", "request", "GET", f"{_BY_NAME}/value?{_NAME}&key=key"),
    ask("twice", "request", "GET", f"{PATH}{PATH}{_TI}/key"),
    ask("twice, and the mount", "request", "GET", f"{PATH}/execution{PATH}{_TI}/key"),
    ask("the mount twice", "request", "GET", f"{PATH}/execution{_TI}/key"),
    ask("half of it", "request", "GET", f"/team{_TI}/key"),
    ask("more than it", "request", "GET", f"{PATH}s{_TI}/key"),
    ask("another", "request", "GET", f"/other{_TI}/key"),
    ask("in upper case", "request", "GET", f"/TEAM/airflow{_TI}/key"),
    ask("a slash in front", "request", "GET", f"/{PATH}{_TI}/key"),
    ask("a slash behind it", "request", "GET", f"{PATH}/{_TI}/key"),
    ask("without the mount", ELSEWHERE, "GET", f"{PATH}/store/ti/<ti>/key"),
)


@pytest.fixture(scope="module")
def behind_a_path(pair: Pair, home: Home, metadata: Metadata) -> Iterator[Pair]:
    """Give two more servers, on the same content, whose base URL has a path."""
    more = options_of(home) | {BASE_URL: f"https://example.com{PATH}"}
    plain = ApiServer(home, "all", **more, **{NAMESPACE: PLAIN, EXPRESS_LANE: "False"})
    more |= {NAMESPACE: LANE, EXPRESS_LANE: "True"}
    with inside_server(home, metadata, "all", **more) as lane, plain:
        yield replace(pair, ports={PLAIN: port_of(plain.root), LANE: port_of(lane.root)})


@pytest.mark.parametrize("asked", REQUESTS, ids=[asked.name for asked in REQUESTS])
def test_the_path_of_the_base_url_is_where_airflow_wants_it(
    behind_a_path: Pair, asked: Asked
) -> None:
    behind_a_path.begin()
    _, counted = behind_a_path.ask(asked)
    assert counted == Counter(each for each in asked.lane if each != ELSEWHERE)
