"""The time of one call, and which of its failures is told."""

from __future__ import annotations

import time

import pytest

from redis_state import OperationTimeoutError, UnavailableError
from redis_state.client.io import async_opening, sync_link
from redis_state.client.policy.attempts import AttemptError, BrokenError, SilenceError
from redis_state.client.policy.budget import Budget
from redis_state.config.settings import Settings
from redis_state.config.url import Server


@pytest.fixture
def budget() -> Budget:
    settings = Settings(budget=600, timeout=30, connect_timeout=3600)
    return Budget(settings, time.monotonic(), is_large=True)


def stale(failure: AttemptError) -> AttemptError:
    failure.stale = True
    return failure


def use_up(budget: Budget) -> None:
    """Let the call have begun so long ago."""
    budget.begun -= budget.settings.budget


def test_attempts_end_with_the_budget_at_the_latest(budget: Budget) -> None:
    assert budget.attempt_ends() < budget.deadline
    use_up(budget)
    assert budget.attempt_ends() == budget.deadline


def test_the_first_attempt_waits_no_longer_than_the_breaker_looks_on() -> None:
    budget = Budget(Settings(budget=60, timeout=30, breaker_after=0.1), time.monotonic())
    assert budget.attempt_ends() <= time.monotonic() + 0.1
    budget.pause(BrokenError("closed"))
    assert budget.attempt_ends() > time.monotonic() + 20


def test_what_takes_long_by_itself_gets_its_time_at_once() -> None:
    budget = Budget(Settings(budget=60, timeout=30, breaker_after=0.1), time.monotonic(), True)
    assert budget.attempt_ends() > time.monotonic() + 20


def test_without_a_breaker_the_first_attempt_is_as_long_as_the_others() -> None:
    budget = Budget(Settings(budget=60, timeout=30, breaker_after=0), time.monotonic())
    assert budget.attempt_ends() > time.monotonic() + 20


def test_pauses_grow_up_to_a_limit() -> None:
    budget = Budget(Settings(budget=3600), time.monotonic())
    pauses = [budget.pause(BrokenError("refused")) for _ in range(8)]
    assert pauses == sorted(pauses)
    assert pauses[0] < pauses[1]
    assert pauses[-1] == pauses[-2]


def test_a_stale_connection_is_replaced_without_a_pause_and_a_silent_one_is_not() -> None:
    budget = Budget(Settings(budget=3600), time.monotonic())
    assert budget.pause(stale(BrokenError("closed"))) == 0
    assert budget.pause(stale(SilenceError("no answer"))) > 0


def test_a_silence_that_the_deadline_cut_short_hides_no_failure_before_it(budget: Budget) -> None:
    budget.pause(BrokenError("LOADING"))
    use_up(budget)
    with pytest.raises(UnavailableError, match="LOADING") as caught:
        budget.pause(SilenceError("no answer"))
    assert not isinstance(caught.value, OperationTimeoutError)


def test_a_silence_alone_is_a_timeout(budget: Budget) -> None:
    use_up(budget)
    with pytest.raises(OperationTimeoutError, match=r"within the budget of 600 s"):
        budget.pause(SilenceError("no answer"))


async def test_no_connection_is_opened_after_the_deadline() -> None:
    with pytest.raises(SilenceError):
        sync_link.open_link(Settings(), Server(), time.monotonic())
    with pytest.raises(SilenceError):
        await async_opening.open_link(Settings(), Server(), time.monotonic())
