"""Asked the same, a server with the express lane answers and leaves what one without it does."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import HealthCheck, given, settings

from redis_state.format import layout
from redis_state.scopes import ZERO_REGION
from tests import matrix
from tests.with_airflow.lane.asked import ANSWERED, ELSEWHERE, Asked, put
from tests.with_airflow.lane.made_up import made_up
from tests.with_airflow.lane.pair import LANE, Pair
from tests.with_airflow.lane.table import TABLE
from tests.with_airflow.lane.world import BY_AIRFLOW
from tests.with_airflow.server.metadata import HAS_REGIONS

# `make test` has a part of each kind.
_PART = TABLE[::5] if matrix.LANE_REQUESTS == "some" else TABLE
_SET_OF_EXPANDED = put(
    "set",
    ANSWERED,
    "/execution/store/ti/<expanded>/new",
    authorization="Bearer <good to expanded>",
)
# Of one to three requests each, two as a rule.
_CONNECTIONS = matrix.HOW_MANY_REQUESTS * 6 // 10
_SHARED_ON_PURPOSE = (HealthCheck.function_scoped_fixture, HealthCheck.too_slow)


@pytest.mark.parametrize("asked", _PART, ids=[asked.name for asked in _PART])
def test_the_lane_answers_as_airflow_does_or_lets_it_answer(pair: Pair, asked: Asked) -> None:
    pair.begin()
    _, counted = pair.ask(asked)
    lane = [BY_AIRFLOW.get(each, each) for each in asked.lane]
    assert counted == Counter(each for each in lane if each != ELSEWHERE)


def test_a_task_instance_of_a_region_has_its_fields_there(pair: Pair) -> None:
    scope = pair.world.scopes["expanded"]
    assert (scope.region_id != ZERO_REGION) is HAS_REGIONS
    pair.begin()
    exchange, counted = pair.ask(_SET_OF_EXPANDED)
    assert [answer.status for answer in exchange.answers] == [204]
    assert counted == Counter([ANSWERED])
    place = layout.place("", scope)
    assert place.field("new") in pair.state(LANE)[place.page.encode()]


def test_no_two_requests_have_the_same_name() -> None:
    assert len({asked.name for asked in TABLE}) == len(TABLE)


@settings(max_examples=_CONNECTIONS, suppress_health_check=_SHARED_ON_PURPOSE)
@given(asked=made_up())
def test_so_it_does_with_requests_that_are_made_up(pair: Pair, asked: Asked) -> None:
    pair.begin()
    pair.ask(asked)
