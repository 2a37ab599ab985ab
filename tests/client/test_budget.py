"""The time of one call, and which of its failures is told."""

from __future__ import annotations

import time

import pytest

from redis_state import OperationTimeoutError, UnavailableError
from redis_state.client import async_link, sync_link
from redis_state.client.budget import Budget
from redis_state.client.failures import BrokenError, SilenceError
from redis_state.settings import Settings


@pytest.fixture
def budget() -> Budget:
    return Budget(Settings(budget=0.2, timeout=0.05, connect_timeout=60), time.monotonic())


def use_up(budget: Budget) -> None:
    time.sleep(max(0.0, budget.deadline - time.monotonic()) + 0.01)


def test_attempts_end_with_the_budget_at_the_latest(budget: Budget) -> None:
    assert budget.attempt_ends() < budget.deadline
    assert budget.connecting_ends() == budget.deadline
    use_up(budget)
    assert budget.attempt_ends() == budget.deadline


def test_pauses_grow_up_to_a_limit() -> None:
    budget = Budget(Settings(budget=3600), time.monotonic())
    pauses = [budget.pause(BrokenError("refused"), at_once=False) for _ in range(8)]
    assert pauses == sorted(pauses)
    assert pauses[0] < pauses[1]
    assert pauses[-1] == pauses[-2]


def test_a_stale_connection_is_replaced_without_a_pause_and_a_silent_one_is_not() -> None:
    budget = Budget(Settings(budget=3600), time.monotonic())
    assert budget.pause(BrokenError("closed"), at_once=True) == 0
    assert budget.pause(SilenceError("no answer"), at_once=True) > 0


def test_a_silence_that_the_deadline_cut_short_hides_no_failure_before_it(budget: Budget) -> None:
    budget.pause(BrokenError("LOADING"), at_once=False)
    use_up(budget)
    with pytest.raises(UnavailableError, match="LOADING") as caught:
        budget.pause(SilenceError("no answer"), at_once=False)
    assert not isinstance(caught.value, OperationTimeoutError)


def test_a_silence_alone_is_a_timeout(budget: Budget) -> None:
    use_up(budget)
    with pytest.raises(OperationTimeoutError, match=r"within the budget of 0\.2 s"):
        budget.pause(SilenceError("no answer"), at_once=False)


async def test_no_connection_is_opened_after_the_deadline() -> None:
    with pytest.raises(SilenceError):
        sync_link.open_link(Settings(), time.monotonic())
    with pytest.raises(SilenceError):
        await async_link.open_link(Settings(), time.monotonic())
