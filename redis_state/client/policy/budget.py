"""The time of one call: when it ends, what one attempt may take of it, and whether to try again."""

from __future__ import annotations

import time
from dataclasses import dataclass

from redis_state.client.policy.attempts import AttemptError, LateError, SilenceError, SplitError
from redis_state.client.policy.giving_up import give_up
from redis_state.config.settings import Settings
from redis_state.errors import StateStoreError

_FIRST_PAUSE = 0.02
_LONGEST_PAUSE = 0.25
# Of an attempt, for what a write waits for; the rest is for the way there and back.
MOST_WAITING = 0.8
# Of the budget, for one attempt with a large value at a server that answers others.
_MOST_SILENCE = 0.6
# What is tried again without a pause, as long as it is not for ever.
_MOST_AT_ONCE = 8


def first_attempt(settings: Settings) -> float:
    """Return how long the first attempt waits: no longer than the breaker looks on."""
    return min(settings.timeout, settings.breaker_after or settings.timeout, settings.budget)


@dataclass(slots=True)
class Budget:
    """The attempts of one call share one deadline.

    ``is_large``: what it carries takes longer than other calls. ``lingers``: it waits for so many
    seconds at the server.
    """

    settings: Settings
    begun: float
    is_large: bool = False
    lingers: float = 0.0
    attempts: int = 0
    reason: AttemptError | None = None

    @property
    def deadline(self) -> float:
        """When the call has to end."""
        return self.begun + self.settings.budget

    def attempt_ends(self) -> float:
        """Return when the attempt that begins now has to end."""
        return self._ends_after(max(self.settings.timeout, self.lingers / MOST_WAITING))

    def silence(self) -> float:
        """Return for how long the server may say nothing in the attempt that begins now."""
        return self._at_most(max(self.settings.timeout, self.lingers / MOST_WAITING))

    def patient_until(self) -> float:
        """Return until when the server may say nothing here, as long as it answers others.

        Many large values at once may fill the network for longer than any of them alone.
        """
        begins = time.monotonic()
        return begins + _MOST_SILENCE * self.settings.budget if self.is_large else begins

    def locating_ends(self) -> float:
        """Return when it has to be known where to connect."""
        return self._ends_after(self.settings.connect_timeout)

    def pause(self, failure: AttemptError) -> float:
        """Return how long to wait before the next attempt, or raise if there is no time for one."""
        self.attempts += 1
        # A silence that the deadline cut short says less than the failure before it.
        is_silence = isinstance(failure, (SilenceError, LateError))
        cut_short = is_silence and time.monotonic() >= self.deadline
        if self.reason is None or not cut_short:
            self.reason = failure
        wait: float = min(_FIRST_PAUSE * 2**self.attempts, _LONGEST_PAUSE)
        at_once = failure.stale and not isinstance(failure, SilenceError)
        if at_once and self.attempts <= _MOST_AT_ONCE:
            wait = 0.0
        elif isinstance(failure, SplitError):
            wait = _FIRST_PAUSE
        if time.monotonic() + wait >= self.deadline:
            raise self.give_up(self.reason) from self.reason
        return wait

    def give_up(self, failure: Exception) -> StateStoreError:
        """Return the error of a call whose time is used up."""
        return give_up(failure, self.settings.deployment, self.settings.budget)

    def _ends_after(self, seconds: float) -> float:
        return min(self.deadline, time.monotonic() + self._at_most(seconds))

    def _at_most(self, seconds: float) -> float:
        is_first = self.attempts == 0 and not self.is_large
        return min(seconds, first_attempt(self.settings)) if is_first else seconds
