"""The hash form's scripts: the page's deadline and its summary, after every kind of write."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import redis

from redis_state import RedisStateBackend, TaskScope
from redis_state.format.layout import SUMMARY
from redis_state.operations.operation import Capabilities, ScriptCall
from tests.matrix import SERVERS
from tests.support.inside import node_of
from tests.support.lapsing import lapse
from tests.support.waiting import pass_by, wait_for

TASK = TaskScope("dag", "run", "task")
HOUR = timedelta(hours=1)
SHORT = timedelta(milliseconds=60)
BLUR = timedelta(milliseconds=50)
# Lets a script stand still once before it asks for a page's time, as on a busy machine.
PAUSES = """
local server, has_paused = redis, false
local redis = {call = function(command, ...)
  if command == 'PTTL' and not has_paused then
    for _ = 1, 5e7 do end
    has_paused = true
  end
  return server.call(command, ...)
end}
"""


@pytest.fixture(params=[name for name in SERVERS if name in ("redis62", "valkey81", "path")])
def server_name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def page(namespace: str) -> str:
    return f"{namespace}:t:{{dag/run/task}}:-1"


def in_(delta: timedelta) -> datetime:
    return datetime.now(UTC) + delta


def ends_at(raw: redis.Redis, page: str, deadline: datetime) -> bool:
    # The server has looked at its clock some time between these two.
    before = datetime.now(UTC)
    told: Any = raw.pttl(page)
    remaining, after = timedelta(milliseconds=told), datetime.now(UTC)
    return told > 0 and before + remaining - BLUR < deadline < after + remaining + BLUR


def test_a_page_ends_with_its_latest_value(
    backend: RedisStateBackend, raw: redis.Redis, page: str
) -> None:
    late, early = in_(2 * HOUR), in_(HOUR)
    backend.set(TASK, "late", "1", expires_at=late)
    backend.set(TASK, "early", "1", expires_at=early)
    assert ends_at(raw, page, late)


def test_shortening_the_latest_value_shortens_the_page(
    backend: RedisStateBackend, raw: redis.Redis, page: str
) -> None:
    early = in_(HOUR)
    backend.set(TASK, "a", "1", expires_at=early)
    backend.set(TASK, "b", "1", expires_at=in_(3 * HOUR))
    backend.set(TASK, "b", "1", expires_at=in_(timedelta(minutes=1)))
    assert ends_at(raw, page, early)


def test_a_pause_amid_a_script_ends_no_page_early(
    backend: RedisStateBackend, raw: redis.Redis, page: str
) -> None:
    late = in_(HOUR)
    backend.set(TASK, "late", "1", expires_at=late)
    operation = backend._operations.set(TASK, "early", "1", late - 2 * BLUR, None)
    (call,) = operation.begin(Capabilities(field_expiry=False, hsetex=False))
    assert isinstance(call, ScriptCall)
    raw.eval(PAUSES + call.script.text, len(call.pages), *call.pages, *call.arguments)
    assert ends_at(raw, page, late)


def test_deleting_the_latest_value_shortens_the_page(
    backend: RedisStateBackend, raw: redis.Redis, page: str
) -> None:
    early = in_(HOUR)
    backend.set(TASK, "a", "1", expires_at=early)
    backend.set(TASK, "b", "1", expires_at=in_(3 * HOUR))
    backend.delete(TASK, "b")
    assert ends_at(raw, page, early)


def test_a_page_with_a_permanent_value_never_ends(
    backend: RedisStateBackend, raw: redis.Redis, page: str
) -> None:
    backend.set(TASK, "expiring", "1", expires_at=in_(HOUR))
    backend.set(TASK, "permanent", "1")
    assert raw.pttl(page) == -1
    backend.set(TASK, "expiring", "1", expires_at=in_(2 * HOUR))
    assert raw.pttl(page) == -1


@pytest.mark.parametrize("gone", ["overwritten", "deleted", "past"])
def test_a_page_ends_again_when_its_last_permanent_value_goes(
    backend: RedisStateBackend, raw: redis.Redis, page: str, gone: str
) -> None:
    deadline = in_(HOUR)
    backend.set(TASK, "one", "1")
    backend.set(TASK, "two", "1")
    backend.set(TASK, "expiring", "1", expires_at=deadline)
    backend.delete(TASK, "one")
    assert raw.pttl(page) == -1
    if gone == "deleted":
        backend.delete(TASK, "two")
    else:
        ends = in_(timedelta(minutes=1)) if gone == "overwritten" else in_(-HOUR)
        backend.set(TASK, "two", "2", expires_at=ends)
    assert ends_at(raw, page, deadline)


def test_lapsed_values_are_removed_by_the_next_write(
    backend: RedisStateBackend, raw: redis.Redis, page: str
) -> None:
    backend.set(TASK, "permanent", "1")
    for number in range(5):
        backend.set(TASK, f"short{number}", "1", expires_at=in_(HOUR))
    lapse(raw, page, *(f"short{number}" for number in range(5)))
    assert raw.hlen(page) == 7
    backend.set(TASK, "permanent", "2")
    assert raw.hkeys(page) == [b"permanent"]


def test_lapsed_values_are_removed_by_the_next_delete_too(
    backend: RedisStateBackend, raw: redis.Redis, page: str
) -> None:
    backend.set(TASK, "permanent", "1")
    backend.set(TASK, "other", "1")
    backend.set(TASK, "short", "1", expires_at=in_(HOUR))
    lapse(raw, page, "short")
    backend.delete(TASK, "other")
    assert raw.hkeys(page) == [b"permanent"]


def test_a_page_of_permanent_values_has_no_summary(
    backend: RedisStateBackend, raw: redis.Redis, page: str
) -> None:
    backend.set_many(TASK, {"a": "1", "b": "2"})
    assert raw.hexists(page, SUMMARY) is False


def test_nothing_is_left_when_the_last_value_goes(
    backend: RedisStateBackend, raw: redis.Redis, page: str
) -> None:
    backend.set(TASK, "a", "1", expires_at=in_(HOUR))
    backend.delete(TASK, "a")
    backend.set(TASK, "b", "1", expires_at=in_(HOUR))
    backend.set(TASK, "b", "1", expires_at=in_(-HOUR))
    assert raw.exists(page) == 0


def test_the_page_of_an_expired_scope_is_gone_by_itself(
    backend: RedisStateBackend, raw: redis.Redis, page: str
) -> None:
    backend.set(TASK, "a", "1", expires_at=(deadline := in_(SHORT)))
    wait_for(lambda: raw.exists(page) == 0)
    assert datetime.now(UTC) >= deadline


def test_a_write_does_not_look_at_every_value(
    backend: RedisStateBackend, raw: redis.Redis, page: str
) -> None:
    for number in range(50):
        backend.set(TASK, str(number), "1", expires_at=in_(HOUR))
    calls = hgetall_calls(raw)
    for number in range(50):
        backend.set(TASK, str(number), "2", expires_at=in_(2 * HOUR))
    assert hgetall_calls(raw) == calls


@pytest.mark.parametrize("lasts", [None, HOUR], ids=["permanent", "expiring"])
def test_what_goes_from_among_many_alike_does_not_look_at_every_value(
    backend: RedisStateBackend, raw: redis.Redis, page: str, lasts: timedelta | None
) -> None:
    ends = in_(lasts) if lasts else None
    backend.set_many(TASK, {str(number): "1" for number in range(1000)}, expires_at=ends)
    calls = hgetall_calls(raw)
    for number in range(20):
        backend.delete(TASK, str(number))
        backend.set(TASK, str(20 + number), "2", expires_at=in_(timedelta(minutes=1)))
    assert hgetall_calls(raw) == calls
    assert ends_at(raw, page, ends) if ends else raw.pttl(page) == -1


def test_the_few_that_decide_a_large_page_are_found(
    backend: RedisStateBackend, raw: redis.Redis, page: str
) -> None:
    early, late = in_(HOUR), in_(2 * HOUR)
    backend.set_many(TASK, {str(number): "1" for number in range(2000)}, expires_at=early)
    backend.set_many(TASK, {"late": "1", "as late": "1"}, expires_at=late)
    backend.set_many(TASK, {"permanent": "1", "as permanent": "1"})
    for gone in ("permanent", "as permanent"):
        assert raw.pttl(page) == -1
        backend.delete(TASK, gone)
    for gone in ("late", "as late"):
        assert ends_at(raw, page, late)
        backend.delete(TASK, gone)
    assert ends_at(raw, page, early)


def test_a_value_that_ends_sooner_is_noted_where_others_decide(
    backend: RedisStateBackend, raw: redis.Redis, page: str
) -> None:
    backend.set_many(TASK, {"a": "1", "b": "1"})
    backend.set(TASK, "expiring", "1", expires_at=in_(HOUR))
    soon = in_(timedelta(minutes=1))
    backend.set(TASK, "a", "2", expires_at=soon)
    noted: Any = raw.hget(page, SUMMARY)
    assert abs(int(noted) / 1000 - soon.timestamp()) < 1


def test_short_lives_in_a_large_page_do_not_make_every_write_look_at_all(
    backend: RedisStateBackend, raw: redis.Redis
) -> None:
    backend.set_many(TASK, {f"permanent{number}": "1" for number in range(500)})
    for number in range(20):
        backend.set(TASK, f"short{number}", "1", expires_at=in_(timedelta(milliseconds=number)))
    pass_by(in_(timedelta(milliseconds=30)))
    calls, begun = hgetall_calls(raw), time.monotonic()
    for _ in range(20):
        backend.set(TASK, "other", "1", expires_at=(deadline := in_(timedelta(milliseconds=1))))
        pass_by(deadline)
    # Every second write sees that the one before has lapsed, and a look lasts for half a second.
    assert hgetall_calls(raw) - calls <= 11 + (time.monotonic() - begun) / 0.5


def test_values_that_are_not_ours_are_never_dropped(
    backend: RedisStateBackend, raw: redis.Redis, page: str
) -> None:
    foreign: dict[Any, Any] = {b"text": b"of someone else's", b"short": b"1"}
    raw.hset(page, mapping=foreign)
    backend.set(TASK, "a", "1", expires_at=in_(HOUR))
    lapse(raw, page, "a")
    backend.set(TASK, "a", "1", expires_at=in_(-HOUR))
    assert raw.hgetall(page) == foreign
    raw.unlink(page)


def test_the_form_is_chosen_by_asking_the_server(
    make_backend: Callable[..., RedisStateBackend], raw: redis.Redis, page: str
) -> None:
    backend = make_backend(fast_lane=False)
    backend.set(TASK, "a", "1", expires_at=in_(HOUR))
    (link,) = node_of(backend)._idle
    assert link.capabilities == Capabilities(field_expiry=False, hsetex=False)
    assert raw.hexists(page, SUMMARY) is True


def hgetall_calls(raw: redis.Redis) -> int:
    statistics: Any = raw.info("commandstats")
    return int(statistics.get("cmdstat_hgetall", {}).get("calls", 0))
