"""The time of one call: when it ends, what one attempt may take of it, and whether to try again."""

from __future__ import annotations

import time
from dataclasses import dataclass

from redis_state.client.failures import SilenceError, give_up
from redis_state.errors import StateStoreError
from redis_state.settings import Settings

_FIRST_PAUSE = 0.02
_LONGEST_PAUSE = 0.25


@dataclass(slots=True)
class Budget:
    """The attempts of one call share one deadline."""

    settings: Settings
    begun: float
    attempts: int = 0
    reason: Exception | None = None

    @property
    def deadline(self) -> float:
        """When the call has to end."""
        return self.begun + self.settings.budget

    def attempt_ends(self) -> float:
        """Return when the attempt that begins now has to end."""
        return min(self.deadline, time.monotonic() + self.settings.timeout)

    def connecting_ends(self) -> float:
        """Return when a connection that is opened now has to stand."""
        return min(self.deadline, time.monotonic() + self.settings.connect_timeout)

    def pause(self, failure: Exception, *, at_once: bool) -> float:
        """Return how long to wait before the next attempt, or raise if there is no time for one.

        ``at_once``: a connection from the pool had gone stale, which says nothing of the server.
        """
        self.attempts += 1
        # A silence that the deadline cut short says less than the failure before it.
        cut_short = isinstance(failure, SilenceError) and time.monotonic() >= self.deadline
        if self.reason is None or not cut_short:
            self.reason = failure
        wait: float = min(_FIRST_PAUSE * 2**self.attempts, _LONGEST_PAUSE)
        if at_once and not isinstance(failure, SilenceError):
            wait = 0.0
        if time.monotonic() + wait >= self.deadline:
            raise self.give_up(self.reason) from self.reason
        return wait

    def give_up(self, failure: Exception) -> StateStoreError:
        """Return the error of a call whose time is used up."""
        return give_up(failure, self.settings.server, self.settings.budget)
