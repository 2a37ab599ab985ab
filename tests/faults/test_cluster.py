"""A cluster whose masters die and whose slots move, under load."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import pytest

from tests.faults.load import PATIENT, SCOPES, Load
from tests.support.clusters import Cluster, Migration, slot_of


@pytest.fixture(scope="module")
def running(name: str) -> Iterator[Cluster]:
    with Cluster(name) as cluster:
        yield cluster


@pytest.fixture
def cluster(running: Cluster) -> Iterator[Cluster]:
    yield running
    for node in running.nodes:
        node.start()
    running.wait_until_ok()


def test_a_killed_master_costs_only_what_its_replica_did_not_have(
    cluster: Cluster, mode: str, report: Callable[..., None]
) -> None:
    with Load(cluster.url, mode) as load:
        master, begun = cluster.owner(load.page("task-0")), time.monotonic()
        replica = cluster.replica_of(master)
        master.kill()
        cluster.wait_for_failover(master, replica)
        load.history.failovers.append((begun, time.monotonic()))
        load.wait_for_all_keys()
    lost = load.check().lost
    report(server=cluster.name, **load.figures(), lost=len(lost))


def test_with_patience_enough_a_failover_fails_no_call(cluster: Cluster, either_mode: str) -> None:
    with Load(cluster.url, either_mode, **PATIENT) as load:
        master, begun = cluster.owner(load.page("task-0")), time.monotonic()
        replica = cluster.replica_of(master)
        master.kill()
        cluster.wait_for_failover(master, replica)
        load.history.failovers.append((begun, time.monotonic()))
        load.wait_for_all_keys()
    load.check(failures=0)


def test_a_failover_on_purpose_loses_nothing_and_fails_no_call(
    cluster: Cluster, either_mode: str
) -> None:
    with Load(cluster.url, either_mode, **PATIENT) as load:
        cluster.hand_over(cluster.owner(load.page("task-0")))
        load.wait_for_all_keys()
    load.check(failures=0)


def test_slots_that_move_fail_no_call_and_cost_no_value(cluster: Cluster, mode: str) -> None:
    with Load(cluster.url, mode, **PATIENT) as load:
        for key in SCOPES:
            slot = slot_of(load.page(key))
            migration = Migration(cluster, slot, cluster.another(cluster.owner(slot)))
            migration.begin()
            load.wait_for_all_keys()
            migration.move(1)
            load.wait_for_all_keys()
            migration.finish()
            load.wait_for_all_keys()
    load.check(failures=0)
