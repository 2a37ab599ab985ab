"""What a write waits for: how the option reads, what is sent, and what the answer means."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

import pytest

from redis_state import DurabilityError, MisconfiguredError, UnavailableError
from redis_state.client.policy.budget import Budget
from redis_state.config.durability import Durability, read_durability
from redis_state.config.settings import Settings, load
from redis_state.operations.operation import Batch, Capabilities, Durable, Operation, Replies

ABLE = Capabilities(field_expiry=True, hsetex=True)
TWO_REPLICAS = Durability(2, disk=False, seconds=0.5)
DISK = Durability(0, disk=True, seconds=0.5)


class Step(Operation[str]):
    """Sends what it is given; goes on with the next one, or is done."""

    def __init__(self, batch: Batch, following: Sequence[Batch] = ()) -> None:
        self.batch = batch
        self.replies: Replies | None = None
        self._following = following

    @property
    def page(self) -> str:
        return "page"

    def begin(self, server: Capabilities) -> Batch:
        return self.batch

    def end(self, replies: Replies) -> str | Operation[str]:
        self.replies = replies
        return Step(self._following[0], self._following[1:]) if self._following else "done"


def run(operation: Operation[str], *answers: Replies) -> str | Operation[str]:
    """Run the steps of an operation on a server that gives these answers."""
    result: str | Operation[str] = operation
    for replies in answers:
        assert isinstance(result, Operation)
        assert len(result.begin(ABLE)) == len(replies)
        result = result.end(replies)
    return result


def test_memory_waits_for_nothing() -> None:
    assert read_durability("memory", 1.0) is None
    assert Settings().durable is None


@pytest.mark.parametrize(
    ("text", "durability", "command"),
    [
        ("replicas:1", Durability(1, disk=False, seconds=0.25), ("WAIT", 1, 250)),
        ("replicas:12", Durability(12, disk=False, seconds=0.25), ("WAIT", 12, 250)),
        ("aof", Durability(0, disk=True, seconds=0.25), ("WAITAOF", 1, 0, 250)),
    ],
)
def test_the_option_says_what_is_sent(
    text: str, durability: Durability, command: tuple[Any, ...]
) -> None:
    assert read_durability(text, 0.25) == durability
    assert durability.command == command


def test_a_time_too_short_for_milliseconds_is_not_for_ever() -> None:
    assert Durability(1, disk=False, seconds=0.0001).command == ("WAIT", 1, 1)


@pytest.mark.parametrize(
    "text", ["", "disk", "AOF", "replicas", "replicas:", "replicas:0", "replicas:100", "replicas:x"]
)
def test_what_cannot_be_had_is_refused_with_what_can(text: str) -> None:
    with pytest.raises(MisconfiguredError, match="durability.*memory, aof, or replicas:N"):
        load(durability=text)


@pytest.mark.parametrize("seconds", [2.0, 2.5])
def test_a_wait_that_does_not_fit_into_the_budget_is_refused(seconds: float) -> None:
    with pytest.raises(MisconfiguredError, match="durability_timeout.*less than budget"):
        load(durability="aof", durability_timeout=seconds, budget=2.0)


@pytest.mark.parametrize("durability", ["aof", "replicas:1"])
@pytest.mark.parametrize(("timeout", "budget"), [(1.0, 2.5), (0.5, 2.5), (1.0, 0.4)])
def test_the_wait_fits_into_an_attempt_and_that_into_the_budget(
    durability: str, timeout: float, budget: float
) -> None:
    settings = Settings(durability=durability, timeout=timeout, budget=budget)
    assert settings.durable is not None
    seconds = settings.durable.seconds
    begun = time.monotonic()
    ends = Budget(settings, begun, is_large=True, lingers=seconds).attempt_ends()
    assert 0 < seconds < ends - begun
    assert ends <= begun + budget


def test_a_disk_has_the_second_by_itself_that_redis_may_take() -> None:
    durable = Settings(durability="aof").durable
    assert durable is not None
    assert durable.seconds > 1.5


def test_the_wait_follows_the_write_and_its_answer_is_no_reply_of_it() -> None:
    step = Step([("HSET", "page", "key", "1")])
    durable = Durable(step, TWO_REPLICAS)
    assert durable.begin(ABLE) == [("HSET", "page", "key", "1"), ("WAIT", 2, 500)]
    assert durable.end([1, 2]) == "done"
    assert step.replies == [1]


def test_a_wait_keeps_to_the_page_of_its_write_and_to_no_one_else_s_connection() -> None:
    durable = Durable(Step([("HSET",)]), TWO_REPLICAS)
    assert durable.page == "page"
    assert durable.lingers == TWO_REPLICAS.seconds


def test_what_sends_nothing_waits_for_nothing() -> None:
    durable = Durable(Step([]), TWO_REPLICAS)
    assert durable.begin(ABLE) == []
    assert durable.end([]) == "done"


def test_more_than_was_asked_is_enough() -> None:
    assert run(Durable(Step([("HSET",)]), TWO_REPLICAS), [1, 3]) == "done"


def test_fewer_replicas_than_asked_is_an_error_that_says_that_the_write_was_made() -> None:
    with pytest.raises(
        DurabilityError, match="The write was made, but 1 of 2 replicas.*0.5 s.*may be lost"
    ) as caught:
        run(Durable(Step([("HSET",)]), TWO_REPLICAS), [1, 1])
    assert isinstance(caught.value, UnavailableError)


def test_a_disk_that_has_not_confirmed_is_an_error_that_says_so() -> None:
    assert run(Durable(Step([("HSET",)]), DISK), [1, [1, 0]]) == "done"
    with pytest.raises(DurabilityError, match="The write was made.*0.5 s.*on disk"):
        run(Durable(Step([("HSET",)]), DISK), [1, [0, 0]])


def test_each_step_of_a_write_waits() -> None:
    durable = Durable(Step([("HSET",)], [[("HDEL",)]]), TWO_REPLICAS)
    going_on = durable.end([1, 2])
    assert isinstance(going_on, Durable)
    assert going_on.begin(ABLE) == [("HDEL",), ("WAIT", 2, 500)]
    assert going_on.end([1, 2]) == "done"


def test_a_write_of_several_steps_is_made_to_its_end_and_then_the_failure_is_told() -> None:
    first = Durable(Step([("HSET",)], [[("HDEL",)], [("UNLINK",)]]), TWO_REPLICAS)
    last = run(first, [1, 1], [1, 0])
    assert isinstance(last, Durable)
    assert last.begin(ABLE) == [("UNLINK",), ("WAIT", 2, 500)]
    with pytest.raises(DurabilityError, match="1 of 2 replicas"):
        last.end([1, 2])
