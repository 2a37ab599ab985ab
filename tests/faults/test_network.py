"""What networks do between the client and one server, under load."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from typing import Any

import pytest

from tests.faults.load import FAILURES, MODES, PATIENT, Load
from tests.matrix import FIELD_FORM
from tests.support.nodes import Node
from tests.support.ports import HOST, Ports
from tests.support.proxy import DOWN, UP, Proxy, Weather
from tests.support.waiting import wait_until

# Longer than a call waits.
TOO_LONG = 5.0


@pytest.fixture
def proxy(node: Node) -> Iterator[Proxy]:
    with Proxy(node.port) as proxy:
        yield proxy


def test_a_slow_network_fails_no_call(proxy: Proxy, either_mode: str) -> None:
    with Load(proxy.url, either_mode, **PATIENT) as load, proxy.weather(Weather(delay=0.02)):
        for _ in range(3):
            load.wait_for_all_keys()
    load.check(failures=0)
    assert proxy.counts["delayed"]


def test_bytes_that_trickle_are_put_together(proxy: Proxy, either_mode: str) -> None:
    # Without a pause: a busy machine would make a long one of each.
    weather = Weather(trickle=7, pause=0.0)
    with Load(proxy.url, either_mode, **PATIENT) as load, proxy.weather(weather):
        load.wait_for_all_keys()
    load.check(failures=0)
    assert proxy.counts["trickled"]


@pytest.mark.parametrize(
    "weather",
    [
        Weather(cut_short=True, ways=(DOWN,)),
        Weather(cut_short=True, ways=(UP,)),
        Weather(cut_after=1000, ways=(DOWN,)),
        Weather(cut_after=1000, ways=(UP,), reset=True),
    ],
    ids=["mid-reply", "mid-command", "after bytes", "reset after bytes"],
)
@pytest.mark.parametrize("mode", MODES)
def test_a_connection_that_is_cut_costs_no_value(proxy: Proxy, mode: str, weather: Weather) -> None:
    with Load(proxy.url, mode, **PATIENT) as load:
        for _ in range(5):
            cuts = proxy.counts["cut"]
            with proxy.weather(weather):
                while proxy.counts["cut"] == cuts:
                    time.sleep(0.001)
            load.wait_for_all_keys()
    load.check(failures=0)


def test_connections_that_are_reset_fail_no_call(proxy: Proxy, either_mode: str) -> None:
    with Load(proxy.url, either_mode, **PATIENT) as load:
        ended = 0
        while ended < 10:
            ended += proxy.cut(reset=True)
            load.wait_for_all_keys()
    load.check(failures=0)


@pytest.mark.parametrize("way", [UP, DOWN])
def test_a_network_that_swallows_everything_costs_calls_and_no_value(
    proxy: Proxy, either_mode: str, way: str
) -> None:
    with Load(proxy.url, either_mode) as load:
        with proxy.weather(Weather(swallow=True, ways=(way,))):
            load.wait_for_errors()
        load.wait_for_all_keys()
    load.check()
    assert proxy.counts["swallowed"]


def test_a_delay_beyond_the_budget_is_a_timeout_and_costs_no_value(proxy: Proxy, mode: str) -> None:
    with Load(proxy.url, mode) as load:
        with proxy.weather(Weather(delay=TOO_LONG)):
            load.wait_for_errors()
        load.wait_for_all_keys()
    load.check()
    assert "OperationTimeoutError" in load.history.errors()


def test_a_port_that_refuses_for_a_while_is_found_again(proxy: Proxy, either_mode: str) -> None:
    with Load(proxy.url, either_mode) as load:
        proxy.refuse()
        proxy.cut()
        load.wait_for_errors()
        proxy.accept()
        load.wait_for_all_keys()
    load.check()
    assert load.history.errors().keys() <= FAILURES


def test_an_address_that_leads_to_another_server_leads_there_after_a_cut(
    node: Node, ports: Ports, proxy: Proxy, either_mode: str
) -> None:
    follow = ("--replicaof", HOST, str(node.port))
    with Node(FIELD_FORM, ports.take(), *follow) as other, Load(proxy.url, either_mode) as load:
        move(node, other)
        proxy.retarget(other.port)
        proxy.cut()
        load.wait_for_all_keys()
        node.kill()
        load.wait_for_all_keys()
    load.check()


def test_a_name_that_changes_its_address_is_looked_up_again(
    ports: Ports, mode: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    port, addresses = ports.take(), Addresses(monkeypatch)
    follow = ("--replicaof", HOST, str(port))
    with (
        Node(FIELD_FORM, port, "--repl-diskless-sync-delay", "0") as first,
        Node(FIELD_FORM, port, "--bind", Addresses.SECOND, *follow) as second,
        Load(f"redis://{Addresses.NAME}:{port}/0", mode) as load,
    ):
        move(first, second)
        addresses.current = Addresses.SECOND
        first.kill()
        load.wait_for_all_keys()
    load.check()
    assert addresses.asked >= {HOST, Addresses.SECOND}


class Addresses:
    """Answers for one name, with the address that is current."""

    NAME = "state.invalid"
    SECOND = "127.0.0.2"

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.current = HOST
        self.asked: set[str] = set()
        self._resolve = socket.getaddrinfo
        monkeypatch.setattr(socket, "getaddrinfo", self._answer)

    def _answer(self, host: Any, *args: Any, **options: Any) -> Any:
        if host == self.NAME:
            host = self.current
            self.asked.add(host)
        return self._resolve(host, *args, **options)


def move(old: Node, new: Node) -> None:
    """Make a replica the master once it has everything, as one moves a server on purpose."""
    wait_until(lambda: new.info("replication")["master_link_status"] == "up", "it follows")
    old.ask("CLIENT", "PAUSE", 10_000, "WRITE")
    wait_until(lambda: new.ask("ROLE")[4] == old.ask("ROLE")[1], "it has everything")
    new.ask("REPLICAOF", "NO", "ONE")
