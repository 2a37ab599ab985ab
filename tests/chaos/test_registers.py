"""What a soak finds wrong, what it takes for lost in a failover, and what is right."""

from __future__ import annotations

import time

import pytest

from tests.chaos.registers import (
    GONE,
    LATEST,
    LOST,
    RIGHT,
    SLACK,
    WRONG,
    Change,
    Register,
    Registers,
    Window,
)

NO_FAILOVER: tuple[Window, ...] = ()


def register(*changes: Change) -> Register:
    made = Register("key")
    made.changes.extend(changes)
    return made


def done(value: str | None, begun: float, ended: float, deadline: float = 1e9) -> Change:
    return Change(value, begun, deadline, ended, "done")


def failed(value: str | None, begun: float) -> Change:
    return Change(value, begun, state="failed")


ONE = done("1", 1, 2)
TWO = done("2", 3, 4)


@pytest.mark.parametrize(
    ("changes", "seen", "begun", "ended", "verdict"),
    [
        ([], GONE, 0, 1, RIGHT),
        ([], "1", 0, 1, WRONG),
        ([ONE], "1", 5, 6, RIGHT),
        ([ONE], GONE, 5, 6, WRONG),
        ([ONE], GONE, 1.5, 6, RIGHT),
        ([ONE, TWO], "1", 5, 6, WRONG),
        ([ONE, TWO], "1", 3.5, 6, RIGHT),
        ([ONE, TWO], "2", 2.5, 3.5, RIGHT),
        ([ONE, TWO], "2", 2.1, 2.9, WRONG),
        ([ONE, done(GONE, 3, 4)], "1", 5, 6, WRONG),
        ([ONE, done(GONE, 3, 4)], GONE, 5, 6, RIGHT),
        ([ONE, done(GONE, 3, 4), done("3", 5, 6)], GONE, 7, 8, WRONG),
        ([Change("1", 1)], "1", 5, 6, RIGHT),
        ([Change("1", 1)], GONE, 5, 6, RIGHT),
        ([failed("1", 1), TWO], "1", 5, 6, RIGHT),
        ([failed("1", 1), done("2", LATEST + 2, LATEST + 3)], "1", LATEST + 4, LATEST + 5, WRONG),
        ([ONE, failed(GONE, 3), done("3", 5, 6)], GONE, 7, 8, RIGHT),
        ([ONE, failed("2", 3)], "1", 5, 6, RIGHT),
        ([done("1", 1, 2, deadline=4)], "1", 3, 6, RIGHT),
        ([done("1", 1, 2, deadline=4)], "1", 4 + 2 * SLACK, 6, WRONG),
        ([done("1", 1, 2, deadline=4)], GONE, 3, 3.5, WRONG),
        ([done("1", 1, 2, deadline=4)], GONE, 3, 5, RIGHT),
        ([done("1", 1, 2, deadline=4), done("2", 5, 6)], GONE, 7, 8, WRONG),
    ],
)
def test_a_read_is_judged_by_the_changes_around_it(
    changes: list[Change], seen: str | None, begun: float, ended: float, verdict: str
) -> None:
    assert register(*changes).judge(seen, begun, ended, NO_FAILOVER).kind == verdict


@pytest.mark.parametrize(
    ("window", "verdict"),
    [(Window(2.5), LOST), (Window(2.5, 3.5), LOST), (Window(1, 2.9), WRONG), (Window(7), WRONG)],
    ids=["goes on", "was meanwhile", "was before", "came later"],
)
def test_a_failover_explains_what_was_acknowledged_before_its_end(
    window: Window, verdict: str
) -> None:
    judged = register(ONE, TWO).judge("1", 5, 6, [window])
    assert (judged.kind, judged.missing) == (verdict, [TWO])


def test_no_failover_explains_what_nobody_wrote() -> None:
    assert register(ONE, TWO).judge("3", 5, 6, [Window(0)]).kind == WRONG


def test_all_that_a_failover_lost_is_counted_once() -> None:
    three = done("3", 4.5, 4.8)
    judged = register(ONE, TWO, three).judge("1", 5, 6, [Window(2.5)])
    assert judged.missing == [TWO, three]


@pytest.mark.parametrize("happened", [True, False])
def test_only_a_failover_that_happened_explains_anything(happened: bool) -> None:
    registers = Registers()
    for value in ("1", "2"):
        now = time.monotonic()
        registers.end(registers.begin("key", value, now, now + 60), time.monotonic(), failed=False)
    with registers.perhaps_a_failover(lambda: happened):
        now = time.monotonic()
        registers.read("key", "1", now, now)
        assert not registers.lost
        assert not registers.wrong
    assert (len(registers.lost), len(registers.wrong)) == (int(happened), int(not happened))
