"""The client's suite runs on one server of each form."""

from __future__ import annotations

import pytest

from tests.support.servers import ONE_OF_EACH_FORM


@pytest.fixture(params=ONE_OF_EACH_FORM)
def server_name(request: pytest.FixtureRequest) -> str:
    return str(request.param)
