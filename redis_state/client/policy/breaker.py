"""Who may wait for a server that does not answer: a few calls at a time.

Once a server has failed every attempt for a while, a few calls go on trying, for as long as their
budgets last. The others give them a moment, and then end at once with an error, so that the threads
that made them are free for something else. The first answer of the server ends this.
"""

from __future__ import annotations

import threading
import time
from asyncio import _get_running_loop
from typing import Protocol

from redis_state.client.policy.attempts import (
    AttemptError,
    BrokenError,
    FailedFastError,
    LateError,
    NotNowError,
    RedirectedError,
    SilenceError,
    SplitError,
    UnsentError,
)
from redis_state.client.policy.budget import Budget
from redis_state.client.policy.permits import Permit, Permits
from redis_state.client.policy.pulse import Pulse

# Seconds in which the call that tries may still bring the others good news.
_GRACE = 0.15
# A failover with little going on costs no call; a crowd does not wait together.
_MOST_TRYING = 4
# Seconds after which one that waits looks whether it may go on.
LOOKS_AGAIN = 0.01


def on_a_loop() -> bool:
    """Tell whether an event loop runs in this thread, and stands still while a call blocks."""
    return _get_running_loop() is not None


class Observer(Protocol):
    """Is told what an operator wants to count."""

    def retried(self) -> None:
        """Note that an attempt came to nothing and is made again."""

    def failed_fast(self) -> None:
        """Note that a call ended at once."""

    def breaker_changed(self, *, is_open: bool) -> None:
        """Note that a server fails for a while, or answers again."""


class Breaker:
    """Remembers of one server since when it has failed, and who tries it."""

    __slots__ = (
        "_after",
        "_failed_at",
        "_failing_since",
        "_lock",
        "_observer",
        "_pulse",
        "_reason",
        "_trying_since",
        "_turns",
        "is_open",
    )

    def __init__(self, after: float, observer: Observer | None, pulse: Pulse) -> None:
        # 0: never.
        self._after = after or float("inf")
        self._observer = observer
        self._pulse = pulse
        self._failed_at = 0.0
        self._failing_since: float | None = None
        # A signal's handler may make calls, too.
        self._lock = threading.RLock()
        self._reason: AttemptError = SilenceError("no answer in time")
        self._trying_since = 0.0
        self._turns = Permits(_MOST_TRYING)
        self.is_open = False

    @property
    def is_failing(self) -> bool:
        """Tell whether the last attempt has failed."""
        return self._failing_since is not None

    @property
    def grace_ends(self) -> float:
        """Return until when the others wait for those that try."""
        return self._trying_since + _GRACE

    def note(self, failure: AttemptError, begun: float) -> None:
        """Note that an attempt came to nothing that began then."""
        if isinstance(failure, (RedirectedError, SplitError)):
            self.answered()
        since = self._dated(failure, begun)
        if since is None:
            return
        self._reason, self._failed_at = failure, time.monotonic()
        self._failing_since = since
        if not self.is_open and time.monotonic() - since >= self._after:
            self._turn(is_open=True)

    def _dated(self, failure: AttemptError, begun: float) -> float | None:
        """Return since when the server fails, if the attempt shows that it does."""
        heard_at = self._pulse.heard_at
        if isinstance(failure, (LateError, UnsentError)) and heard_at >= begun:
            # The call has waited for others.
            return None
        if isinstance(failure, (SilenceError, LateError, UnsentError)):
            # A server is not silent while it says anything, by whichever connection.
            return max(min(self._failing_since or begun, begun), heard_at)
        if isinstance(failure, (BrokenError, NotNowError)):
            # It may have said just this, time and again. Calls that failed together tell it in any
            # order.
            since = max(begun, heard_at)
            return min(self._failing_since or since, since)
        return None

    def answered(self) -> None:
        """Note that the server has answered."""
        self._failing_since = None
        if self.is_open:
            self._turn(is_open=False)

    def spares_loops(self, budget: Budget) -> bool:
        """Tell whether a call that holds up a loop ends at once, because others have failed.

        The call that finds out may use its budget; after it, an attempt is made once in a while.
        """
        since = self._failing_since
        if since is None or budget.begun - since < self._after:
            return False
        return budget.attempts > 0 or time.monotonic() - self._failed_at < budget.settings.budget

    def retire(self) -> None:
        """Note that the server is asked no more: calls that are under way may still fail."""
        self._after = float("inf")
        self.answered()

    def take_turn(self, held: list[Permit]) -> bool:
        """Become one of the calls that try, unless there are enough."""
        if self._turns.held == 0:
            self._trying_since = time.monotonic()
        return self._turns.take_at_once(held)

    def fail_fast(self) -> FailedFastError:
        """Note that a call ends without having tried; return why."""
        if self._observer is not None:
            self._observer.failed_fast()
        return FailedFastError(self._reason)

    def _turn(self, *, is_open: bool) -> None:
        # Of many calls that fail at once, one tells it.
        with self._lock:
            if self.is_open == is_open:
                return
            if self._observer is not None:
                # If this is interrupted, the next one tells it.
                self._observer.breaker_changed(is_open=is_open)
            self.is_open = is_open


class Turn:
    """A call's part in this: it is its turn to try, or it waits a moment, or it has to end.

    ``is_blocking``: while it waits, nothing else goes on in its thread.
    """

    __slots__ = ("_breaker", "_is_blocking", "held")

    def __init__(self, *, is_blocking: bool = False) -> None:
        self._breaker: Breaker | None = None
        # At its end, the call gives back what is here.
        self.held: list[Permit] = []
        self._is_blocking = is_blocking

    def may_try(self, breaker: Breaker, budget: Budget) -> bool:
        """Tell whether to make an attempt now; if not, ask again in a moment."""
        if breaker.is_open and self._is_blocking and on_a_loop() and breaker.spares_loops(budget):
            raise budget.give_up(breaker.fail_fast()) from budget.reason
        if self._breaker is not breaker:
            self.end()
            if breaker.is_open and breaker.take_turn(self.held):
                self._breaker = breaker
        if self._breaker is breaker or not breaker.is_open:
            return True
        if time.monotonic() >= min(breaker.grace_ends, budget.deadline):
            raise budget.give_up(breaker.fail_fast()) from budget.reason
        return False

    def end(self) -> None:
        """Let another call try."""
        self._breaker = None
        if self.held:
            permit = self.held[0]
            del self.held[0]
            permit.give_back(permit)
