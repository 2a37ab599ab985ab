"""The contract's suite runs on servers, topologies and fakeredis, sync and async."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from redis_state import AssetScope, StateScope, TaskScope
from redis_state.testing import fake_backend
from tests.matrix import FAKES, OTHER_SCOPES, SERVERS, TOPOLOGIES
from tests.support.methods import MODES, Methods


@pytest.fixture(params=[*SERVERS, *TOPOLOGIES, *FAKES])
def methods_maker(request: pytest.FixtureRequest) -> Iterator[Any]:
    """Give a function that makes methods with options, for a mode."""
    if request.param in FAKES:
        field_expiry = request.param == "fake-field-form"
        yield lambda mode, **options: Methods(
            fake_backend(field_expiry=field_expiry, **options), mode
        )
        return
    request.getfixturevalue("server_name")
    make_backend = request.getfixturevalue("make_backend")
    yield lambda mode, **options: Methods(make_backend(**options), mode)


@pytest.fixture
def server_name(request: pytest.FixtureRequest) -> str:
    # The parameter's name is the server's.
    return str(request.node.callspec.params["methods_maker"])


@pytest.fixture(params=MODES)
def methods_with(request: pytest.FixtureRequest, methods_maker: Any) -> Any:
    return lambda **options: methods_maker(request.param, **options)


@pytest.fixture
def methods(methods_with: Any) -> Methods:
    made: Methods = methods_with()
    return made


@pytest.fixture(
    params=[
        TaskScope("dag", "run", "task"),
        TaskScope("dag", "run", "task", 3),
        AssetScope(asset_id=7),
        AssetScope(name="orders"),
        *OTHER_SCOPES,
    ],
    ids=["task", "mapped", "asset-id", "asset-name", "far-mapped", "asset-uri"],
)
def scope(request: pytest.FixtureRequest) -> StateScope:
    scope: StateScope = request.param
    return scope
