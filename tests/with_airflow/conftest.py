"""Tests beside a real Airflow, its task SDK alone, or the next Airflow: see `make airflow`."""

from __future__ import annotations

from importlib.util import find_spec

import pytest

from tests.matrix import FIELD_FORM

HAS_CORE = find_spec("airflow.state") is not None
# The families of scopes that are installed here.
FAMILIES = [*(["airflow.state"] if HAS_CORE else []), "airflow.sdk.state", "redis_state"]


@pytest.fixture(params=[FIELD_FORM])
def server_name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(params=FAMILIES)
def family(request: pytest.FixtureRequest) -> str:
    return str(request.param)
