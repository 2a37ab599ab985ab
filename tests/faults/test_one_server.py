"""One server that crashes, hangs, loads, fills up or takes no writes, under load.

It keeps its data in an append-only file, so nothing explains the loss of an acknowledged write.
"""

from __future__ import annotations

import threading
import time

import pytest

from tests.faults.load import FAILURES, PATIENT, SCOPES, Load
from tests.matrix import ONE_OF_EACH_FORM
from tests.support.nodes import Node
from tests.support.ports import Ports


def url_of(node: Node) -> str:
    return f"redis://{node.address}/0"


def test_without_a_fault_no_call_fails(node: Node, either_mode: str) -> None:
    with Load(url_of(node), either_mode, **PATIENT) as load:
        for _ in range(20):
            load.wait_for_all_keys()
    load.check(failures=0)


def test_many_writers_of_a_key_see_one_order(node: Node, mode: str) -> None:
    with Load(url_of(node), mode, clients=3, **PATIENT) as load:
        for _ in range(10):
            load.wait_for_all_keys()
    load.check(failures=0)


def test_values_survive_a_server_that_is_killed_and_started_again(node: Node, mode: str) -> None:
    with Load(url_of(node), mode) as load:
        node.kill()
        load.wait_for_errors()
        node.start()
        load.wait_for_all_keys()
    load.check()


def test_a_quick_restart_fails_no_call(node: Node) -> None:
    with Load(url_of(node), "sync", **PATIENT) as load:
        for _ in range(3):
            node.restart()
            load.wait_for_all_keys()
    load.check(failures=0)


def test_a_server_that_hangs_costs_each_call_its_budget_and_no_value(node: Node, mode: str) -> None:
    with Load(url_of(node), mode) as load:
        node.pause()
        load.wait_for_errors(20)
        node.resume()
        load.wait_for_all_keys()
    load.check()
    assert load.history.errors().keys() <= FAILURES


@pytest.mark.parametrize("name", ONE_OF_EACH_FORM)
def test_scripts_that_the_server_forgets_fail_no_call(name: str, ports: Ports) -> None:
    with Node(name, ports.take()) as node, Load(url_of(node), "sync", **PATIENT) as load:
        for _ in range(20):
            node.ask("SCRIPT", "FLUSH")
            time.sleep(0.01)
        load.wait_for_all_keys()
    load.check(failures=0)


def test_connections_that_the_server_closes_fail_no_call(node: Node, either_mode: str) -> None:
    with Load(url_of(node), either_mode, **PATIENT) as load:
        closed = 0
        while closed < 20:
            closed += node.ask("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
            load.wait_for_all_keys()
    load.check(failures=0)


def test_while_the_server_loads_calls_wait_or_fail(node: Node, mode: str) -> None:
    node.ask("DEBUG", "POPULATE", 3000)
    node.ask("CONFIG", "SET", "key-load-delay", 500)
    node.ask("CONFIG", "SET", "loading-process-events-interval-bytes", 1024)
    with Load(url_of(node), mode, budget=0.5) as load:
        # It saves all it has, forgets it, and loads it again.
        loading = threading.Thread(target=node.ask, args=("DEBUG", "RELOAD"))
        loading.start()
        load.wait_for_errors()
        loading.join()
        load.wait_for_all_keys()
    load.check()
    assert load.history.errors().keys() <= FAILURES


def test_a_master_that_becomes_a_replica_takes_writes_again_later(
    node: Node, either_mode: str
) -> None:
    with Load(url_of(node), either_mode, budget=0.5) as load:
        node.ask("REPLICAOF", "127.0.0.1", 1)
        load.wait_for_errors()
        node.ask("REPLICAOF", "NO", "ONE")
        load.wait_for_all_keys()
    load.check()
    assert load.history.errors().keys() <= FAILURES


def test_a_full_server_refuses_writes_and_serves_reads(node: Node, either_mode: str) -> None:
    node.ask("CONFIG", "SET", "maxmemory-policy", "noeviction")
    with Load(url_of(node), either_mode) as load:
        node.ask("CONFIG", "SET", "maxmemory", 1)
        load.wait_for_errors()
        node.ask("CONFIG", "SET", "maxmemory", 0)
        load.wait_for_all_keys()
    load.check()
    failed = [event for event in load.history.events if event.error]
    assert all(event.is_write and event.error == "UnavailableError" for event in failed)


def test_a_master_without_its_replicas_refuses_writes_and_serves_reads(node: Node) -> None:
    with Load(url_of(node), "sync") as load:
        node.ask("CONFIG", "SET", "min-replicas-to-write", 1)
        load.wait_for_errors()
        node.ask("CONFIG", "SET", "min-replicas-to-write", 0)
        load.wait_for_all_keys()
    load.check()
    assert all(event.is_write for event in load.history.events if event.error)


def test_an_append_only_file_keeps_all_that_was_acknowledged(node: Node) -> None:
    with Load(url_of(node), "sync") as load:
        load.wait_for_all_keys()
    node.restart()
    acknowledged = load.history.acknowledged()
    assert load.values() == {key: acknowledged[key].value for key in SCOPES}
