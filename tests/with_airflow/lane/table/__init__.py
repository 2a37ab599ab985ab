"""The table of requests: what Airflow is asked, and whether the lane is to answer it."""

from __future__ import annotations

from tests.with_airflow.lane.asked import Asked
from tests.with_airflow.lane.table.assets import ASSETS
from tests.with_airflow.lane.table.bodies import BODIES
from tests.with_airflow.lane.table.connections import CONNECTIONS
from tests.with_airflow.lane.table.expiries import EXPIRIES
from tests.with_airflow.lane.table.headers import HEADERS
from tests.with_airflow.lane.table.instances import INSTANCES
from tests.with_airflow.lane.table.keys import KEYS
from tests.with_airflow.lane.table.routes import ROUTES
from tests.with_airflow.lane.table.tokens import TOKENS
from tests.with_airflow.lane.table.versions import VERSIONS

TABLE: tuple[Asked, ...] = (
    *TOKENS,
    *INSTANCES,
    *VERSIONS,
    *ROUTES,
    *KEYS,
    *BODIES,
    *EXPIRIES,
    *ASSETS,
    *HEADERS,
    *CONNECTIONS,
)
