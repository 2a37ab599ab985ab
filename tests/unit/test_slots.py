"""Slots of pages, what a cluster's nodes say about them, and whom to ask next."""

from __future__ import annotations

from typing import Any

import pytest
from hiredis import ReplyError

from redis_state.client.policy import slots
from redis_state.client.policy.attempts import BrokenError, RedirectedError, SplitError
from redis_state.client.policy.server_errors import check
from redis_state.client.policy.slots import SLOTS, News, SlotMap, read_redirection, read_slots
from redis_state.config.allowed_hosts import read_allowed
from redis_state.config.url import Server

ALL = read_allowed(None)
ASKED = Server("asked.example", 7000)
ONE, TWO, THREE = (Server(f"{name}.example", 7000) for name in ("one", "two", "three"))


class Clock:
    """A time that goes on only when it is told to."""

    def __init__(self) -> None:
        self.now = 1000.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(slots, "time", clock)
    return clock


def told(*nodes: list[Any], first: int = 0, last: int = SLOTS - 1) -> list[Any]:
    return [[first, last, *nodes]]


def test_each_slot_has_the_master_that_is_named_first() -> None:
    reply = [
        [0, 99, [b"one.example", 7000, b"id1"], [b"two.example", 7000, b"id2"]],
        [101, SLOTS - 1, [b"three.example", 7000, b"id3"]],
    ]
    found = read_slots(reply, ASKED, ALL)
    assert [found.owner(slot) for slot in (0, 99, 100, 101, SLOTS - 1)] == [
        ONE,
        ONE,
        None,
        THREE,
        THREE,
    ]
    assert found.masters() == [ONE, THREE]


@pytest.mark.parametrize("host", [None, b"", b"?"])
def test_a_master_that_does_not_know_its_address_is_where_it_was_asked(
    host: bytes | None,
) -> None:
    found = read_slots(told([host, 7001, b"id"]), ASKED, ALL)
    assert found.owner(0) == Server("asked.example", 7001)


def test_an_older_node_tells_no_ids() -> None:
    assert read_slots(told([b"one.example", 7000]), ASKED, ALL).masters() == [ONE]


def test_an_address_of_ipv6_is_a_host() -> None:
    assert read_slots(told([b"::1", 7001, b"id", []]), ASKED, ALL).owner(7) == Server("::1", 7001)


def test_a_node_alone_without_slots_leaves_all_without_a_master() -> None:
    found = read_slots([], ASKED, ALL)
    assert found.masters() == []
    assert found.owner(SLOTS - 1) is None


def test_a_slot_that_has_moved_has_another_master_and_the_others_stay() -> None:
    found = SlotMap([ONE] * SLOTS)
    found.move(5, TWO)
    assert [found.owner(slot) for slot in (4, 5, 6)] == [ONE, TWO, ONE]
    assert found.masters() == [ONE, TWO]


@pytest.mark.parametrize(
    ("text", "slot", "target"),
    [
        ("MOVED 3999 10.0.0.1:6381", 3999, Server("10.0.0.1", 6381)),
        ("ASK 0 cache.example:6381", 0, Server("cache.example", 6381)),
        ("MOVED 16383 ::1:6381", 16383, Server("::1", 6381)),
        ("MOVED 1 fe80::1%eth0:6381", 1, Server("fe80::1%eth0", 6381)),
        ("MOVED 1 :6381", 1, Server("asked.example", 6381)),
        ("MOVED 1 ?:6381", 1, Server("asked.example", 6381)),
    ],
)
def test_a_redirection_names_the_slot_and_the_node(text: str, slot: int, target: Server) -> None:
    assert read_redirection(text, ASKED) == (slot, target)


@pytest.mark.parametrize("text", ["MOVED 3999 10.0.0.1:6381", "ASK 3999 10.0.0.1:6381"])
def test_a_redirection_is_an_attempt_that_another_node_may_end(text: str) -> None:
    with pytest.raises(RedirectedError, match=text) as caught:
        check([b"fine", ReplyError(text)], ASKED)
    assert caught.value.is_asking == text.startswith("ASK")
    assert (caught.value.slot, caught.value.target) == (3999, Server("10.0.0.1", 6381))


def test_a_slot_whose_pages_lie_on_two_nodes_is_tried_again_there() -> None:
    with pytest.raises(SplitError):
        check([ReplyError("TRYAGAIN Multiple keys request during rehashing of slot")], ASKED)


@pytest.mark.parametrize(
    "text",
    [
        "MOVED",
        "MOVED 1",
        "MOVED x 10.0.0.1:6381",
        "MOVED 16384 10.0.0.1:6381",
        "MOVED -1 10.0.0.1:6381",
        "ASK 1 10.0.0.1",
        "ASK 1 10.0.0.1:port",
    ],
)
def test_a_redirection_that_leads_nowhere_is_a_broken_attempt(text: str) -> None:
    with pytest.raises(BrokenError, match="asked.example:7000.*" + text):
        check([ReplyError(text)], ASKED)


def test_the_cluster_is_not_asked_again_at_once(clock: Clock) -> None:
    news = News(overdue_after=0.5)
    assert news.are_old()
    news.arrived()
    assert not news.are_old()
    clock.now += 0.2
    assert news.are_old()


def test_news_are_overdue_when_nobody_has_answered_for_longer_than_the_patience(
    clock: Clock,
) -> None:
    news = News(overdue_after=0.5)
    clock.now += 60
    assert not news.are_overdue()
    news.ask_first([ONE], None)
    assert not news.are_overdue()
    clock.now += 0.3
    news.ask_first([ONE], None)
    clock.now += 0.3
    assert news.are_overdue()
    news.arrived()
    assert not news.are_overdue()


def test_without_a_breaker_news_are_never_overdue(clock: Clock) -> None:
    news = News(overdue_after=0)
    news.ask_first([ONE], None)
    clock.now += 3600
    assert not news.are_overdue()


def test_another_server_is_asked_first_each_time(clock: Clock) -> None:
    news = News(overdue_after=0.5)
    firsts = [news.ask_first([ONE, TWO, THREE], None)[0] for _ in range(6)]
    assert set(firsts[:3]) == {ONE, TWO, THREE}
    assert firsts[:3] == firsts[3:]


def test_each_server_is_asked_once_and_the_one_that_failed_at_the_end(clock: Clock) -> None:
    news = News(overdue_after=0.5)
    for _ in range(4):
        asked = news.ask_first([ONE, TWO, ONE, THREE, TWO], TWO)
        assert set(asked[:-1]) == {ONE, THREE}
        assert len(asked) == 3
        assert asked[-1] == TWO
