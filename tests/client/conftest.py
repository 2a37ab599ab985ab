"""The client's suite runs with the fast lane and without, on a server of either form.

`make test` pairs them, the older server with the pool and the newer one with the lane; all four
pairs are for `make test-slow`.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.servers import ALL_SERVERS, HASH_FORM, ONE_OF_EACH_FORM

HERE = Path(__file__).parent


@pytest.fixture(params=ONE_OF_EACH_FORM)
def server_name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(params=[True, False], ids=["lane", "pool"])
def fast_lane(request: pytest.FixtureRequest) -> bool:
    return bool(request.param)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if ALL_SERVERS or len(ONE_OF_EACH_FORM) == 1:
        return
    here = [item for item in items if item.path.is_relative_to(HERE)]
    left_out = [item for item in here if not _is_paired(item)]
    config.hook.pytest_deselected(items=left_out)
    gone = set(left_out)
    items[:] = [item for item in items if item not in gone]


def _is_paired(item: pytest.Item) -> bool:
    params = getattr(getattr(item, "callspec", None), "params", {})
    if not {"server_name", "fast_lane"} <= params.keys():
        return True
    is_older: bool = params["server_name"] == HASH_FORM
    return is_older != bool(params["fast_lane"])
