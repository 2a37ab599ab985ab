"""Which servers that others name are connected to."""

from __future__ import annotations

import pytest

from redis_state import MisconfiguredError
from redis_state.config.settings import Settings, load
from redis_state.config.url import Server
from redis_state.provider import get_provider_info


def admits(allowed: str | None, host: str, url: str = "redis+cluster://seed.example") -> bool:
    settings: Settings = load(url=url, allowed_hosts=allowed)
    return settings.allowed.admits(Server(host, 7000))


def test_without_a_list_all_are_admitted() -> None:
    assert admits(None, "anywhere.example")
    assert admits(" ", "10.0.0.1")


def test_the_hosts_of_the_url_are_admitted_always() -> None:
    assert admits("other.example", "seed.example")
    assert admits("other.example", "::1", "redis+cluster://[::1]:7000")


@pytest.mark.parametrize("host", ["one.example", "ONE.example", "one.example."])
def test_a_name_admits_that_host_alone(host: str) -> None:
    assert admits("One.Example, two.example", host)
    assert not admits("One.Example, two.example", f"not{host}")
    assert not admits("One.Example, two.example", f"sub.{host}")


def test_a_star_admits_all_names_below_it() -> None:
    for host in ("a.state.example", "b.a.state.example"):
        assert admits("*.state.example", host)
    for host in ("state.example", "xstate.example", "state.example.org", "10.0.0.1"):
        assert not admits("*.state.example", host)


@pytest.mark.parametrize(
    ("network", "inside", "outside"),
    [
        ("10.1.0.0/16", "10.1.255.1", "10.2.0.1"),
        ("10.1.2.3", "10.1.2.3", "10.1.2.4"),
        ("10.1.0.0/16", "::ffff:10.1.0.1", "::ffff:10.2.0.1"),
        ("fd00::/8", "fd12::1", "fe80::1"),
        ("fd00::1", "fd00:0::1", "fd00::2"),
        ("[fd00::1]", "fd00::1", "10.0.0.1"),
    ],
)
def test_a_network_admits_its_addresses(network: str, inside: str, outside: str) -> None:
    assert admits(f"elsewhere.example,{network}", inside)
    assert not admits(f"elsewhere.example,{network}", outside)


@pytest.mark.parametrize("host", ["10.1.0.1.example", "10.1", "0x0a010001", "167837697", ""])
def test_a_network_admits_no_name_and_no_other_spelling(host: str) -> None:
    assert not admits("10.1.0.0/16", host)


@pytest.mark.parametrize("allowed", ["10.0.0.1/8", "a.example:6379", "*", "a,,b", "*.*.a", "a/b"])
def test_a_list_that_cannot_be_read_is_an_error_that_names_the_entry(allowed: str) -> None:
    with pytest.raises(MisconfiguredError, match="allowed_hosts= is wrong: .*; write hosts, "):
        load(allowed_hosts=allowed)


def test_airflow_knows_the_option() -> None:
    option = get_provider_info()["config"]["redis_state"]["options"]["allowed_hosts"]
    assert (option["default"], option["sensitive"]) == ("", False)
