"""Staying awake for a reply: given up where it does not pay, and tried again later."""

from __future__ import annotations

import pytest

from redis_state.client.io.spin import Patience

ENOUGH = 8


@pytest.fixture
def patience() -> Patience:
    return Patience()


def wait_in_vain(patience: Patience, times: int) -> None:
    for _ in range(times):
        patience.in_vain()


def test_it_is_given_up_after_it_was_in_vain_so_often(patience: Patience) -> None:
    wait_in_vain(patience, ENOUGH - 1)
    assert patience.spell > 0
    wait_in_vain(patience, 1)
    assert patience.spell == 0


def test_it_is_tried_again_later_and_given_up_again_at_once(patience: Patience) -> None:
    wait_in_vain(patience, ENOUGH)
    for _ in range(3):
        more = 0
        while not patience.spell:
            wait_in_vain(patience, 1)
            more += 1
        assert more > ENOUGH
        wait_in_vain(patience, 1)
        assert patience.spell == 0


def test_a_reward_makes_up_for_all_that_was_in_vain(patience: Patience) -> None:
    wait_in_vain(patience, ENOUGH - 1)
    patience.rewarded()
    wait_in_vain(patience, ENOUGH - 1)
    assert patience.spell > 0


def test_what_pays_when_it_is_tried_again_is_kept_up(patience: Patience) -> None:
    wait_in_vain(patience, ENOUGH)
    while not patience.spell:
        wait_in_vain(patience, 1)
    patience.rewarded()
    wait_in_vain(patience, ENOUGH - 1)
    assert patience.spell > 0
