"""A cluster whose masters die and whose slots move, under load."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import pytest

from redis_state import RedisStateBackend, TaskScope, UnavailableError
from redis_state.keys import place
from tests.faults.load import PATIENT, SCOPES, Load
from tests.support.clusters import Cluster, Migration, slot_of
from tests.support.nodes import Node
from tests.support.servers import FIELD_FORM, ONE_OF_EACH_FORM
from tests.support.verbs import Verbs

MAPPED = [TaskScope("faults", "run", "mapped", index) for index in range(40)]


@pytest.fixture(scope="module")
def running() -> Iterator[Cluster]:
    with Cluster(FIELD_FORM) as cluster:
        yield cluster


@pytest.fixture
def cluster(running: Cluster) -> Iterator[Cluster]:
    yield running
    for node in running.nodes:
        node.start()
    running.wait_until_ok()


def another(cluster: Cluster, owner: Node) -> Node:
    return next(node for node in cluster.masters if node is not owner)


def test_a_killed_master_costs_only_what_its_replica_did_not_have(
    cluster: Cluster, colour: str, record_property: pytest.RecordProperty
) -> None:
    with Load(cluster.url, colour) as load:
        master, begun = cluster.owner(load.page("task-0")), time.monotonic()
        replica = cluster.replica_of(master)
        master.kill()
        cluster.wait_for_failover(master, replica)
        load.history.failovers.append((begun, time.monotonic()))
        load.wait_for_all_keys()
    lost = load.check().lost
    record_property("figures", load.figures() | {"lost": len(lost)})


def test_with_patience_enough_a_failover_fails_no_call(cluster: Cluster, colour: str) -> None:
    with Load(cluster.url, colour, **PATIENT) as load:
        master, begun = cluster.owner(load.page("task-0")), time.monotonic()
        replica = cluster.replica_of(master)
        master.kill()
        cluster.wait_for_failover(master, replica)
        load.history.failovers.append((begun, time.monotonic()))
        load.wait_for_all_keys()
    load.check(failures=0)


def test_a_failover_on_purpose_loses_nothing_and_fails_no_call(
    cluster: Cluster, colour: str
) -> None:
    with Load(cluster.url, colour, **PATIENT) as load:
        master = cluster.owner(load.page("task-0"))
        replica = cluster.replica_of(master)
        replica.ask("CLUSTER", "FAILOVER")
        cluster.wait_for_failover(master, replica)
        load.wait_for_all_keys()
    load.check(failures=0)


def test_slots_that_move_fail_no_call_and_cost_no_value(cluster: Cluster, colour: str) -> None:
    with Load(cluster.url, colour, **PATIENT) as load:
        for key in SCOPES:
            slot = slot_of(load.page(key))
            migration = Migration(cluster, slot, another(cluster, cluster.owner(slot)))
            migration.begin()
            load.wait_for_all_keys()
            migration.move(1)
            load.wait_for_all_keys()
            migration.finish()
            load.wait_for_all_keys()
    load.check(failures=0)


@pytest.fixture(params=ONE_OF_EACH_FORM, scope="module")
def of_each_form(request: pytest.FixtureRequest, running: Cluster) -> Iterator[Cluster]:
    if request.param == FIELD_FORM:
        yield running
        return
    with Cluster(request.param) as cluster:
        yield cluster


@pytest.fixture
def half_moved(of_each_form: Cluster) -> Iterator[Migration]:
    """Write a mapped task, and move half of its pages to another master."""
    backend = RedisStateBackend(url=of_each_form.url)
    for scope in MAPPED:
        backend.set_many(scope, {"a": str(scope.map_index), "b": "b"})
    backend.close()
    slot = slot_of(place("airflow", MAPPED[0]).page)
    migration = Migration(of_each_form, slot, another(of_each_form, of_each_form.owner(slot)))
    migration.begin()
    assert migration.move(len(MAPPED) // 2) == len(MAPPED) // 2
    yield migration
    migration.finish()
    of_each_form.wait_until_ok()
    # For whoever comes next.
    backend.clear(MAPPED[0], all_map_indices=True)
    backend.close()


async def test_every_verb_works_amid_the_move_of_a_slot(half_moved: Migration, colour: str) -> None:
    verbs = Verbs(RedisStateBackend(url=half_moved.cluster.url), colour)
    for scope in MAPPED:
        index = str(scope.map_index)
        assert await verbs.get(scope, "a") == index
        assert await verbs.get_many(scope, ["a", "b"]) == {"a": index, "b": "b"}
        assert set(await verbs.entries(scope)) == {"a", "b"}
        await verbs.set(scope, "a", f"{index}, again")
        await verbs.set(scope, "c", "new")
        assert await verbs.get_many(scope, ["a", "c"]) == {"a": f"{index}, again", "c": "new"}
    unseen = TaskScope("faults", "run", "mapped", 100)
    await verbs.set(unseen, "a", "1")
    assert await verbs.get(unseen, "a") == "1"
    await verbs.backend.aclose()
    verbs.backend.close()


async def test_what_needs_all_pages_of_a_task_waits_for_the_end_of_the_move(
    half_moved: Migration, colour: str
) -> None:
    hasty = Verbs(RedisStateBackend(url=half_moved.cluster.url, budget=0.3), colour)
    with pytest.raises(UnavailableError, match="TRYAGAIN|ASK"):
        await hasty.clear(MAPPED[0], all_map_indices=True)
    assert await hasty.get(MAPPED[0], "a") == "0"
    patient = Verbs(RedisStateBackend(url=half_moved.cluster.url, budget=30.0), colour)
    ending = threading.Timer(0.3, half_moved.finish)
    ending.start()
    await patient.clear(MAPPED[0], all_map_indices=True)
    assert [await patient.entries(scope) for scope in MAPPED] == [{}] * len(MAPPED)
    ending.join()
    for verbs in (hasty, patient):
        await verbs.backend.aclose()
        verbs.backend.close()


async def test_a_delete_and_a_clear_amid_the_move_are_whole_or_fail(
    half_moved: Migration, colour: str
) -> None:
    verbs = Verbs(RedisStateBackend(url=half_moved.cluster.url, budget=0.3), colour)
    deleted, cleared = MAPPED[:20], MAPPED[20:]
    gone = 0
    for scope in deleted:
        try:
            await verbs.delete(scope, "a")
        except UnavailableError:
            assert await verbs.get(scope, "b") == "b"
        else:
            gone += 1
            assert set(await verbs.entries(scope)) == {"b"}
    for scope in cleared:
        try:
            await verbs.clear(scope)
        except UnavailableError:
            assert set(await verbs.entries(scope)) == {"a", "b"}
        else:
            gone += 1
            assert await verbs.entries(scope) == {}
    print(f"{gone} of {len(MAPPED)} went")
    await verbs.backend.aclose()
    verbs.backend.close()
