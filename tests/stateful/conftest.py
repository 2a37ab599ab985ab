"""What every machine is bound to: a server of each form, or a deployment in the slow lane."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, settings

from tests.matrix import ALL_TOPOLOGIES, ONE_OF_EACH_FORM, TOPOLOGIES
from tests.support import topologies

DEPLOYMENTS = TOPOLOGIES if ALL_TOPOLOGIES else ()


@pytest.fixture(params=[*ONE_OF_EACH_FORM, *DEPLOYMENTS])
def server_name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def machine_settings() -> settings:
    return settings(deadline=None, suppress_health_check=list(HealthCheck), stateful_step_count=25)


@pytest.fixture
def bound(server: topologies.Deployment, raw: Any, has_field_expiry: bool) -> dict[str, Any]:
    return {"server": server, "raw": raw, "field_form": has_field_expiry}
