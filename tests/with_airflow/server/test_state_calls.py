"""Whether the whole suite runs with the express lane: a slow lane does."""

from __future__ import annotations

from tests import matrix
from tests.with_airflow.server.airflow_home import ApiServer


def test_the_express_lane_is_on_where_the_suite_is_to_run_with_it(api: ApiServer) -> None:
    assert ("express lane is on" in api.log) == matrix.EXPRESS_LANE
