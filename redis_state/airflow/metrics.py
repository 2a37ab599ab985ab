"""Metrics, through Airflow's own stats; without them switched on there is no meter at all."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from importlib import import_module
from types import ModuleType
from typing import Any

from redis_state.airflow.config import is_true
from redis_state.airflow.sides import SERVER, WORKER
from redis_state.errors import (
    CorruptValueError,
    DurabilityError,
    InvalidInputError,
    MisconfiguredError,
    OperationTimeoutError,
    StateStoreError,
)
from redis_state.scopes import Entry

# Each side has stats of its own; in the other's processes they are silent.
_HOMES = {SERVER: "airflow.observability.stats", WORKER: "airflow.sdk.observability.stats"}
_FAILURES = {
    DurabilityError: "not_durable",
    OperationTimeoutError: "timeout",
    InvalidInputError: "invalid",
    CorruptValueError: "corrupt",
    MisconfiguredError: "misconfigured",
    StateStoreError: "unavailable",
}


class Meter:
    """Counts what the methods of one side do.

    StatsD without tags would add up what differs by tag only, so there the tags' values end the
    name.
    """

    def __init__(self, side: str, stats: ModuleType, *, tagged: bool) -> None:
        self._side = side
        self._stats = stats
        self._tagged = tagged

    def succeeded(self, method: str, seconds: float, carried: object, *, absent: bool) -> None:
        """Count a call, how long it took, and the bytes of the values that it carried."""
        self._call(method, "absent" if absent else "ok", seconds)
        if size := size_of(carried):
            self._emit(self._stats.incr, "redis_state.bytes", size, method=method)

    def failed(self, method: str, seconds: float, error: StateStoreError) -> None:
        """Count a call that ended in an error."""
        outcome = next(name for kind, name in _FAILURES.items() if isinstance(error, kind))
        self._call(method, outcome, seconds)

    def retried(self) -> None:
        """Count an attempt that came to nothing and is made again."""
        self._emit(self._stats.incr, "redis_state.retries", 1)

    def failed_fast(self) -> None:
        """Count a call that ended at once, because the server had failed for a while."""
        self._emit(self._stats.incr, "redis_state.failed_fast", 1)

    def breaker_changed(self, *, is_open: bool) -> None:
        """Tell that a server fails for a while, or answers again."""
        self._emit(self._stats.gauge, "redis_state.breaker_open", int(is_open))

    def not_cleared(self, scopes: int) -> None:
        """Count the tasks and assets that Airflow deleted, and that are not cleared in Redis."""
        self._emit(self._stats.incr, "redis_state.not_cleared", scopes)

    def took_express_lane(self) -> None:
        """Count a request of a task that was answered in front of Airflow's own routes."""
        self._emit(self._stats.incr, "redis_state.express_lane.answered", 1)

    def passed_express_lane(self, reason: str) -> None:
        """Count a request of a task that Airflow's own route had to answer."""
        self._emit(self._stats.incr, "redis_state.express_lane.passed", 1, reason=reason)

    def looked_up(self, requests: int) -> None:
        """Tell how many requests shared a look into the metadata database."""
        self._emit(self._stats.gauge, "redis_state.express_lane.batch", requests)

    def _call(self, method: str, outcome: str, seconds: float) -> None:
        self._emit(self._stats.incr, "redis_state.operations", 1, method=method, outcome=outcome)
        duration = timedelta(seconds=seconds)
        self._emit(self._stats.timing, "redis_state.duration", duration, method=method)

    def _emit(self, send: Any, name: str, value: object, **tags: str) -> None:
        tags = {"side": self._side, **tags}
        if self._tagged:
            send(name, value, tags=tags)
        else:
            send(".".join([name, *tags.values()]), value)


def size_of(value: object) -> int:
    """Return how many characters the values in a result or an argument have."""
    match value:
        case str():
            return len(value)
        case Entry():
            return len(value.value)
        case Mapping():
            return sum(size_of(part) for part in value.values())
        case _:
            return 0


def meter(side: str) -> Meter | None:
    """Return the meter of one side, or None where Airflow's metrics are off."""
    datadog, statsd = (is_true("metrics", name) for name in ("statsd_datadog_enabled", "statsd_on"))
    if not (datadog or statsd or is_true("metrics", "otel_on")):
        return None
    plain = statsd and not datadog and not is_true("metrics", "statsd_influxdb_enabled")
    return Meter(side, import_module(_HOMES[side]), tagged=not plain)
