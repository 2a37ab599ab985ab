"""Whether tasks' state calls take the express lane."""

from __future__ import annotations

from collections.abc import Iterator

from redis_state.admin.health.report import Finding
from redis_state.airflow.express_lane import LaneState

_SUBJECT = "this Airflow"


def check(lane: LaneState | None, *, is_wanted: bool) -> Iterator[Finding]:
    """Tell whether it is on in this process, or where that can be seen."""
    if lane is None:
        if is_wanted:
            yield _fine("switched on; each API server's log says at its start if it is on")
    elif lane.is_on:
        yield _fine("on: it answers tasks' state calls")
    elif is_wanted:
        remedy = "See what docs/express-lane.md says of it, or set express_lane = False."
        yield Finding("express lane", _SUBJECT, "warning", f"off: {lane.why_off}", remedy)
    else:
        yield _fine(f"off: {lane.why_off}")


def _fine(found: str) -> Finding:
    return Finding("express lane", _SUBJECT, "ok", found)
