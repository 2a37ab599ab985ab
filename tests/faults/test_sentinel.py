"""A master under Sentinels that dies, hangs, or hands over, under load."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from tests.faults.load import PATIENT, Load
from tests.support.nodes import Node
from tests.support.replicated import SentinelTrio


@pytest.fixture
def trio(name: str) -> Iterator[SentinelTrio]:
    with SentinelTrio(name, replicas=2) as trio:
        yield trio


@contextmanager
def failover(load: Load, trio: SentinelTrio) -> Iterator[Node]:
    """Note when the role moves from the master, which the block makes it do."""
    master, begun = trio.master, time.monotonic()
    yield master
    trio.wait_for_failover(master)
    load.history.failovers.append((begun, time.monotonic()))


def test_a_killed_master_costs_only_what_its_replicas_did_not_have(
    trio: SentinelTrio, mode: str, report: Callable[..., None]
) -> None:
    with Load(trio.url, mode) as load:
        with failover(load, trio) as master:
            master.kill()
        load.wait_for_all_keys()
    lost = load.check().lost
    report(server=trio.name, **load.figures(), lost=len(lost))


def test_with_patience_enough_a_failover_fails_no_call(
    trio: SentinelTrio, either_mode: str
) -> None:
    with Load(trio.url, either_mode, **PATIENT) as load:
        with failover(load, trio) as master:
            master.kill()
        load.wait_for_all_keys()
    load.check(failures=0)


def test_a_master_that_wakes_up_after_its_failover_is_not_asked_again(
    trio: SentinelTrio, either_mode: str
) -> None:
    with Load(trio.url, either_mode) as load:
        with failover(load, trio) as master:
            master.pause()
        load.wait_for_all_keys()
        master.resume()
        for _ in range(20):
            load.wait_for_all_keys()
    load.check()


def test_a_coordinated_failover_loses_nothing_and_fails_no_call(either_mode: str) -> None:
    # Of Valkey 9: Redis' own makes a new master while the old one still takes writes.
    with (
        SentinelTrio("valkey91", replicas=2) as trio,
        Load(trio.url, either_mode, **PATIENT) as load,
    ):
        trio.hand_over()
        load.wait_for_all_keys()
    load.check(failures=0)


def test_sentinels_that_die_are_no_trouble_as_long_as_one_answers(
    trio: SentinelTrio, either_mode: str
) -> None:
    with Load(trio.url, either_mode, **PATIENT) as load:
        for sentinel in trio.sentinels[:2]:
            sentinel.kill()
        trio.master.ask("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
        load.wait_for_all_keys()
    load.check(failures=0)
