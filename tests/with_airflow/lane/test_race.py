"""Who has gone is refused at the next request, whatever is under way at the same time."""

from __future__ import annotations

from redis_state.plugin.express_lane.counts import COUNTS
from tests import matrix
from tests.with_airflow.lane.conftest import port_of
from tests.with_airflow.lane.racing import Race
from tests.with_airflow.server.airflow_home import Home
from tests.with_airflow.server.inside import InsideServer
from tests.with_airflow.server.metadata import Metadata


def test_no_request_succeeds_that_was_sent_when_its_row_had_gone(
    home: Home, metadata: Metadata, lane: InsideServer
) -> None:
    answered = COUNTS.answered
    race = Race(home, metadata, port_of(lane.root), max(200, matrix.HOW_MANY_REQUESTS))
    race.run()
    assert race.wrong == []
    # Not Airflow's own routes were tried.
    assert COUNTS.answered - answered > race.how_many / 10
    assert max(COUNTS.batches) > 1
