"""The history checker finds what it is to find, and nothing where all is well."""

from __future__ import annotations

import itertools
import random

import pytest

from tests.faults.history import (
    NEVER_ANSWERED,
    OK,
    READ,
    UNKNOWN,
    WRITE,
    Event,
    History,
    broken_promises,
    linearizability,
)


def write(value: str, begun: float, ended: float, key: str = "k") -> Event:
    outcome = UNKNOWN if ended == NEVER_ANSWERED else OK
    return Event(WRITE, key, value, begun, ended, outcome)


def read(value: str | None, begun: float, ended: float, key: str = "k") -> Event:
    return Event(READ, key, value, begun, ended)


SOUND = {
    "one after the other": [write("a", 0, 1), read("a", 2, 3), write("b", 4, 5), read("b", 6, 7)],
    "absent at first": [read(None, 0, 1), write("a", 2, 3), read("a", 4, 5)],
    "either value during a write": [
        write("a", 0, 1),
        write("b", 2, 9),
        read("a", 3, 4),
        read("b", 5, 6),
    ],
    "a failed write that took effect": [write("a", 0, NEVER_ANSWERED), read("a", 5, 6)],
    "a failed write that did not": [
        write("a", 0, 1),
        write("b", 2, NEVER_ANSWERED),
        read("a", 5, 6),
    ],
    "a failed write that took effect late": [
        write("a", 0, NEVER_ANSWERED),
        write("b", 2, 3),
        read("b", 4, 5),
        read("a", 6, 7),
    ],
    "two writes at once, in either order": [
        write("a", 0, 9),
        write("b", 0, 9),
        read("b", 1, 2),
        read("a", 3, 4),
    ],
    "keys of their own": [write("a", 0, 1), write("b", 2, 3, key="other"), read("a", 4, 5)],
}
BROKEN = {
    "a value that nobody wrote": [write("a", 0, 1), read("z", 2, 3)],
    "a value of another key": [write("a", 0, 1), write("b", 0, 1, key="other"), read("b", 2, 3)],
    "a value before its write": [read("a", 0, 1), write("a", 2, 3)],
    "an older value": [write("a", 0, 1), write("b", 2, 3), read("a", 4, 5)],
    "an acknowledged write that is gone": [write("a", 0, 1), read(None, 2, 3)],
}
BROKEN_BY_ORDER = {
    "two readers that saw two orders": [
        write("a", 0, 9),
        write("b", 0, 9),
        read("a", 1, 2),
        read("b", 3, 4),
        read("a", 5, 6),
    ],
    "a value that went back": [
        write("a", 0, 1),
        write("b", 2, 9),
        read("b", 3, 4),
        read("a", 5, 6),
    ],
}


@pytest.mark.parametrize("events", SOUND.values(), ids=SOUND)
def test_a_sound_history_is_found_sound(events: list[Event]) -> None:
    assert linearizability(events) == []
    assert broken_promises(events).broken == []


@pytest.mark.parametrize("events", BROKEN.values(), ids=BROKEN)
def test_a_broken_history_is_found_broken(events: list[Event]) -> None:
    assert linearizability(events)
    assert broken_promises(events).broken


@pytest.mark.parametrize("events", BROKEN_BY_ORDER.values(), ids=BROKEN_BY_ORDER)
def test_the_stronger_promise_finds_what_only_the_order_tells(events: list[Event]) -> None:
    assert linearizability(events)
    assert broken_promises(events).broken == []


def test_what_a_failover_explains_is_lost_and_not_broken() -> None:
    lost = write("b", 2, 3)
    events = [write("a", 0, 1), lost, read("a", 6, 7)]
    verdict = broken_promises(events, [(4, 5)])
    assert (verdict.broken, verdict.lost) == ([], [lost])


def test_a_failover_explains_nothing_that_was_written_after_it() -> None:
    events = [write("a", 0, 1), write("b", 4, 5), read("a", 6, 7)]
    assert broken_promises(events, [(2, 3)]).broken


def test_a_failover_explains_nothing_that_was_read_before_it() -> None:
    events = [write("a", 0, 1), write("b", 2, 3), read("a", 4, 5)]
    assert broken_promises(events, [(6, 7)]).broken


def test_a_failover_does_not_explain_a_value_of_another_key() -> None:
    events = [write("a", 0, 1, key="other"), read("a", 4, 5)]
    assert broken_promises(events, [(2, 3)]).broken


def test_a_recorded_history_tells_calls_answers_and_errors() -> None:
    history = History()
    history.begin(WRITE, "k", "a")()
    history.begin(WRITE, "k", "b")(error=TimeoutError())
    history.begin(READ, "k")("a")
    written, failed, seen = history.events
    assert (written.outcome, failed.outcome, seen.value) == (OK, UNKNOWN, "a")
    assert written.begun <= written.ended <= seen.begun
    assert failed.ended == NEVER_ANSWERED
    assert history.errors() == {"TimeoutError": 1}
    assert history.acknowledged() == {"k": written}


def in_any_order(events: list[Event]) -> bool:
    """Try every order of the operations, as the definition has it."""
    unanswered = [event for event in events if event.ended == NEVER_ANSWERED]
    for count in range(len(unanswered) + 1):
        for left in itertools.combinations(unanswered, count):
            if _has_order([event for event in events if event not in left], None):
                return True
    return False


def _has_order(events: list[Event], held: str | None) -> bool:
    for event in events:
        others = [other for other in events if other is not event]
        if any(other.ended < event.begun for other in others):
            continue
        if not event.is_write and event.value != held:
            continue
        if _has_order(others, event.value):
            return True
    return not events


def test_the_quick_checker_agrees_with_the_definition() -> None:
    chance, seen = random.Random(7), set()
    for _ in range(3000):
        moments = chance.sample(range(100), 10)
        events = []
        for number, pair in enumerate(zip(moments[::2], moments[1::2], strict=True)):
            begun, ended = min(pair), max(pair)
            if chance.random() < 0.5:
                never = chance.random() < 0.2
                events.append(write(f"v{number}", begun, NEVER_ANSWERED if never else ended))
            else:
                values = [None, *(event.value for event in events)]
                events.append(read(chance.choice(values), begun, ended))
        expected = in_any_order(events)
        seen.add(expected)
        assert (linearizability(events) == []) is expected, events
        if expected:
            assert broken_promises(events).broken == []
    assert seen == {True, False}
