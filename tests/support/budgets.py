"""Ends the time of calls when something has happened, however long that took.

A call that is to end with what its attempts met gets a budget that no pause uses up.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from redis_state.client.policy.attempts import AttemptError
from redis_state.client.policy.budget import Budget

# So many attempts show that a failure is tried again.
_ATTEMPTS = 4


@contextmanager
def budgets_end(when: Callable[[], object]) -> Iterator[None]:
    """Let the budgets of calls end at a failed attempt after which this holds."""
    with _ended_by(lambda budget: when()):
        yield


@contextmanager
def few_attempts() -> Iterator[None]:
    """Let the budget of each call end after a few attempts."""
    # The attempt that is being noted is not counted yet.
    with _ended_by(lambda budget: budget.attempts + 1 >= _ATTEMPTS):
        yield


@contextmanager
def _ended_by(is_over: Callable[[Budget], object]) -> Iterator[None]:
    pause = Budget.pause

    def pause_or_end(budget: Budget, failure: AttemptError) -> float:
        if is_over(budget):
            budget.begun -= budget.settings.budget
        return pause(budget, failure)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Budget, "pause", pause_or_end)
        yield
