"""Staying awake for a reply: given up where it does not pay, and tried again later."""

from __future__ import annotations

import pytest

from redis_state.client.io.spin import Spin

ENOUGH = 8


@pytest.fixture
def spin() -> Spin:
    return Spin()


def wait_in_vain(spin: Spin, times: int) -> None:
    for _ in range(times):
        spin.in_vain()


def test_it_is_given_up_after_it_was_in_vain_so_often(spin: Spin) -> None:
    wait_in_vain(spin, ENOUGH - 1)
    assert spin.spell > 0
    wait_in_vain(spin, 1)
    assert spin.spell == 0


def test_it_is_tried_again_later_and_given_up_again_at_once(spin: Spin) -> None:
    wait_in_vain(spin, ENOUGH)
    for _ in range(3):
        more = 0
        while not spin.spell:
            wait_in_vain(spin, 1)
            more += 1
        assert more > ENOUGH
        wait_in_vain(spin, 1)
        assert spin.spell == 0


def test_a_reward_makes_up_for_all_that_was_in_vain(spin: Spin) -> None:
    wait_in_vain(spin, ENOUGH - 1)
    spin.rewarded()
    wait_in_vain(spin, ENOUGH - 1)
    assert spin.spell > 0


def test_what_pays_when_it_is_tried_again_is_kept_up(spin: Spin) -> None:
    wait_in_vain(spin, ENOUGH)
    while not spin.spell:
        wait_in_vain(spin, 1)
    spin.rewarded()
    wait_in_vain(spin, ENOUGH - 1)
    assert spin.spell > 0
