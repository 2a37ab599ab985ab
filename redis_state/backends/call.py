"""One call of a method: counted, logged if it was slow, and its error turned into Airflow's."""

from __future__ import annotations

import logging
import time
from types import TracebackType
from typing import Any, Self

from redis_state.airflow.http_errors import as_http_error
from redis_state.airflow.metrics import Meter
from redis_state.config.settings import Settings
from redis_state.errors import StateStoreError

_log = logging.getLogger("redis_state")
# Seconds for which other slow calls are only counted, once one was logged.
_QUIET = 1.0


class Call:
    """One call of a method, which is timed if anybody wants to know.

    ``carried`` is what counts as its size: the values that were read or written.
    """

    __slots__ = ("_begun", "_method", "_scope", "_session", "_watch", "carried")

    def __init__(self, watch: Watch | None, method: str, scope: object, session: Any) -> None:
        self._watch = watch
        self._method = method
        self._scope = scope
        self._session = session
        self._begun = time.perf_counter() if watch is not None else 0.0
        self.carried: object = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._watch is not None:
            self._tell(self._watch, error)
        if isinstance(error, StateStoreError):
            # Only Airflow's API server hands in a session.
            told = error if self._session is None else as_http_error(error)
            raise told from error.__cause__

    def _tell(self, watch: Watch, error: BaseException | None) -> None:
        seconds = time.perf_counter() - self._begun
        if watch.meter is not None:
            self._count(watch.meter, seconds, error)
        if watch.slow is not None and seconds >= watch.slow.limit:
            watch.slow.note(self._method, self._scope, seconds, error)

    def _count(self, meter: Meter, seconds: float, error: BaseException | None) -> None:
        if error is None:
            absent = self._method == "get" and self.carried is None
            meter.succeeded(self._method, seconds, self.carried, absent=absent)
        elif isinstance(error, StateStoreError):
            meter.failed(self._method, seconds, error)


class SlowCalls:
    """Logs calls that take longer than a limit: whose state, and how long; no key and no value.

    When a server is slow, most calls are: one a second is logged, and how many others there were.
    """

    def __init__(self, milliseconds: int) -> None:
        self.limit = milliseconds / 1000
        # Threads may miscount by one or two here, and lose nothing by it.
        self._quiet_until = 0.0
        self._left_out = 0

    def note(self, method: str, scope: object, seconds: float, error: BaseException | None) -> None:
        """Log a slow call, unless one was logged just now."""
        now = time.monotonic()
        if now < self._quiet_until:
            self._left_out += 1
            return
        self._quiet_until, left_out, self._left_out = now + _QUIET, self._left_out, 0
        _log.warning(
            "A slow call: %s of %s took %.0f ms%s (slow_call_ms is %.0f)%s",
            method,
            scope,
            seconds * 1000,
            f" and raised {type(error).__name__}" if error is not None else "",
            self.limit * 1000,
            f"; so were {left_out} others since the last line." if left_out else ".",
        )


class Watch:
    """Who wants to know of calls: Airflow's metrics, the log, or both."""

    __slots__ = ("meter", "slow")

    def __init__(self, meter: Meter | None, slow: SlowCalls | None) -> None:
        self.meter = meter
        self.slow = slow


def watch(meter: Meter | None, settings: Settings) -> Watch | None:
    """Return who wants to know; None where nobody does, so that no call is timed."""
    slow = SlowCalls(settings.slow_call_ms) if settings.slow_call_ms else None
    return Watch(meter, slow) if meter is not None or slow is not None else None
