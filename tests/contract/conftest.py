"""The contract's suite runs on every server in both colours, and in a quick lane on fakeredis.

Of its lanes on Sentinels and clusters, `make test` takes a part: see `tests.support.topologies`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from redis_state import AssetScope, StateScope, TaskScope
from redis_state.testing import fake_backend
from tests.support import topologies
from tests.support.servers import NAMES
from tests.support.verbs import COLOURS, Verbs

FAKES = ("fake-field-form", "fake-hash-form")
LANES = topologies.lanes()
# What tells most of a topology: which slot a verb works in, and that a clear reaches all.
TELLING = ("test_clear.py", "test_incarnations.py")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if topologies.HOW_MUCH == "some":
        left = [item for item in items if _is_slow(item)]
        items[:] = [item for item in items if not _is_slow(item)]
        config.hook.pytest_deselected(items=left)


def _is_slow(item: pytest.Item) -> bool:
    lane = getattr(item, "callspec", None) and item.callspec.params.get("verbs_maker")  # type: ignore[attr-defined]
    return lane in LANES and item.path.name not in TELLING


@pytest.fixture(params=[*NAMES, *LANES, *FAKES])
def verbs_maker(request: pytest.FixtureRequest) -> Iterator[Any]:
    """Give a function that makes verbs with options, for a colour."""
    if request.param in FAKES:
        field_expiry = request.param == "fake-field-form"
        yield lambda colour, **options: Verbs(
            fake_backend(field_expiry=field_expiry, **options), colour
        )
        return
    request.getfixturevalue("server_name")
    make_backend = request.getfixturevalue("make_backend")
    yield lambda colour, **options: Verbs(make_backend(**options), colour)


@pytest.fixture
def server_name(request: pytest.FixtureRequest) -> str:
    # The lane's name is the server's.
    return str(request.node.callspec.params["verbs_maker"])


@pytest.fixture(params=COLOURS)
def verbs_with(request: pytest.FixtureRequest, verbs_maker: Any) -> Any:
    return lambda **options: verbs_maker(request.param, **options)


@pytest.fixture
def verbs(verbs_with: Any) -> Verbs:
    made: Verbs = verbs_with()
    return made


@pytest.fixture(
    params=[
        TaskScope("dag", "run", "task"),
        TaskScope("dag", "run", "task", 3),
        TaskScope("dag", "run", "task", 1000),
        AssetScope(asset_id=7),
        AssetScope(name="orders"),
        AssetScope(uri="s3://bucket/orders"),
    ],
    ids=["task", "mapped", "far-mapped", "asset-id", "asset-name", "asset-uri"],
)
def scope(request: pytest.FixtureRequest) -> StateScope:
    scope: StateScope = request.param
    return scope
