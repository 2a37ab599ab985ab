"""The client's suite runs with the fast lane and without, on a server of either form."""

from __future__ import annotations

import pytest

from tests.matrix import ONE_OF_EACH_FORM


@pytest.fixture(params=ONE_OF_EACH_FORM)
def server_name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(params=[True, False], ids=["lane", "pool"])
def fast_lane(request: pytest.FixtureRequest) -> bool:
    return bool(request.param)
