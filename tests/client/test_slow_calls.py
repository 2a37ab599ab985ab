"""``slow_call_ms``: slow calls are told, with whose state and how long, and never a value."""

from __future__ import annotations

import logging
import re

import pytest

from redis_state import MisconfiguredError, RedisStateBackend, TaskScope
from redis_state.backends.call import SlowCalls
from redis_state.testing import EmbeddedServer
from tests.support.freezing import frozen
from tests.support.methods import MODES, Methods
from tests.support.waiting import PATIENT

TASK = TaskScope("dag", "run", "task", 3)
KEY, VALUE = "the-state-key", '"the value"'


@pytest.fixture(params=MODES)
def mode(request: pytest.FixtureRequest) -> str:
    return str(request.param)


async def test_a_slow_call_is_told_without_its_key_and_value(
    mode: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING, "redis_state")
    with EmbeddedServer() as server:
        # Each call takes longer than this.
        backend = RedisStateBackend(url=server.url, **PATIENT, slow_call_ms=1)
        assert backend._watch is not None
        assert backend._watch.slow is not None
        backend._watch.slow.limit = 0.0
        methods = Methods(backend, mode)
        await methods.set(TASK, KEY, VALUE)
        await backend.aclose()
        backend.close()
    (told,) = caplog.messages
    assert re.match(r"A slow call: set of TaskScope\(dag_id='dag', .*\) took \d+ ms", told)
    assert "map_index=3" in told
    assert KEY not in told
    assert "value" not in told


def test_a_slow_failure_is_told_with_the_kind_of_its_error(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with EmbeddedServer() as server:
        backend = RedisStateBackend(url=server.url, budget=0.2, slow_call_ms=100)
        with frozen(server), pytest.raises(TimeoutError):
            backend.get(TASK, KEY)
        backend.close()
    assert "and raised OperationTimeoutError (slow_call_ms is 100)." in caplog.text


def test_quick_calls_and_those_of_whom_nobody_asked_are_not_told(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with EmbeddedServer() as server:
        for milliseconds in (0, 3_600_000):
            backend = RedisStateBackend(url=server.url, **PATIENT, slow_call_ms=milliseconds)
            assert (backend._watch is None) is (milliseconds == 0)
            backend.set(TASK, KEY, VALUE)
            backend.close()
    assert "slow call" not in caplog.text


def test_many_slow_calls_are_one_line_a_second(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [1000.0]
    monkeypatch.setattr("redis_state.backends.call.time.monotonic", lambda: now[0])
    slow = SlowCalls(10)
    for _ in range(4):
        slow.note("get", TASK, 0.02, None)
    assert len(caplog.messages) == 1
    assert caplog.messages[0].endswith("(slow_call_ms is 10).")
    now[0] += 1.1
    slow.note("get", TASK, 0.02, None)
    assert caplog.messages[1].endswith("; so were 3 others since the last line.")


def test_less_than_nothing_is_no_limit() -> None:
    with pytest.raises(MisconfiguredError, match="slow_call_ms"):
        RedisStateBackend(slow_call_ms=-1)
