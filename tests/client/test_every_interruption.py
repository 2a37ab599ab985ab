"""A call interrupted at each of the moments at which Python looks for signals, one by one.

These are after a call, when a function begins, and when a loop goes round. Random interruptions
come to most of them, see `interrupting`; this comes to all, and to each by itself.
"""

from __future__ import annotations

import dis
import sys
import time
from collections.abc import Callable, Iterator
from functools import cache
from types import CodeType, FrameType
from typing import Any

import pytest

from redis_state import RedisStateBackend, TaskScope
from redis_state.client._sync import client, cluster_routes, node, routes
from redis_state.client._sync.cluster_routes import ClusterRoutes
from redis_state.client.io import sync_lane, sync_permits
from redis_state.client.policy import breaker, permits
from redis_state.client.policy.attempts import SilenceError
from redis_state.client.policy.budget import Budget
from redis_state.client.policy.slots import SlotMap
from redis_state.config.settings import Settings
from tests.matrix import FIELD_FORM
from tests.support.inside import node_of
from tests.support.servers import server

TASK = TaskScope("dag", "run", "task")
LARGE = f'"{"x" * 70_000}"'
LOOKS_AFTER = {"RESUME", "CALL", "CALL_FUNCTION_EX", "JUMP_BACKWARD"}
LOOKED_AT = {
    module.__file__
    for module in (
        *(breaker, client, cluster_routes, node),
        *(permits, routes, sync_lane, sync_permits),
    )
}
# Far more moments than any call has.
MOST = 5_000

pytestmark = [
    pytest.mark.timeout(120),
    # Unmeasured, for measuring is a trace function's work, too.
    pytest.mark.unmeasured,
    # What is interrupted before it is closed is left to the garbage collector.
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]


class InterruptionError(BaseException):
    pass


class Interrupter:
    """Interrupts this thread at the moment of a number, of those in the modules looked at."""

    def __init__(self, moment: int) -> None:
        self._left = moment
        # By frame: the last instruction, if Python looks after it.
        self._looked: dict[FrameType, int | None] = {}
        self.came = False
        self.where = ""

    def trace(self, frame: FrameType, event: str, _: Any) -> Any:
        if frame.f_code.co_filename not in LOOKED_AT:
            return None
        frame.f_trace_opcodes = True
        if event == "exception":
            # What raises is not followed by a look.
            self._looked[frame] = None
        elif event == "opcode":
            if self._is_moment(frame):
                self._left -= 1
                if self._left < 0:
                    self.came = True
                    self.where = f"{frame.f_code.co_qualname}, line {frame.f_lineno}"
                    raise InterruptionError
            opcode = frame.f_code.co_code[frame.f_lasti]
            looks = dis.opname[opcode] in LOOKS_AFTER
            self._looked[frame] = frame.f_lasti if looks else None
        return self.trace

    def _is_moment(self, frame: FrameType) -> bool:
        before = self._looked.get(frame)
        if before is None:
            return False
        # What a look raises belongs to the instruction before it, and so to its handler.
        return handler_of(frame.f_code, before) == handler_of(frame.f_code, frame.f_lasti)


@cache
def handlers_of(code: CodeType) -> list[tuple[range, int]]:
    parsed: Any = dis._parse_exception_table(code)  # type: ignore[attr-defined]
    return [(range(entry.start, entry.end), entry.target) for entry in parsed]


def handler_of(code: CodeType, instruction: int) -> int | None:
    return next((to for within, to in handlers_of(code) if instruction in within), None)


def interrupt_at_each_moment(
    prepare: Callable[[], None], act: Callable[[], object], check: Callable[[], None]
) -> int:
    for moment in range(MOST):
        prepare()
        interrupter = Interrupter(moment)
        sys.settrace(interrupter.trace)
        try:
            act()
        except InterruptionError:
            pass
        finally:
            sys.settrace(None)
        try:
            check()
        except AssertionError as error:
            error.add_note(f"interrupted in {interrupter.where}")
            raise
        if not interrupter.came:
            return moment
    pytest.fail("it never came to an end")


@pytest.fixture
def backend() -> Iterator[RedisStateBackend]:
    with server(FIELD_FORM) as running:
        backend = RedisStateBackend(url=running.url, pool_size=2, budget=20.0, timeout=10.0)
        backend.set(TASK, "key", LARGE)
        yield backend
        backend.close()


def nothing() -> None:
    pass


def test_of_a_call_on_the_lane(backend: RedisStateBackend) -> None:
    node = node_of(backend)

    def check() -> None:
        lane = node._lane
        assert lane is None or (not lane._lead and not lane._queue)
        assert len(backend.get(TASK, "key") or "") == len(LARGE)

    moments = interrupt_at_each_moment(nothing, lambda: backend.get(TASK, "key"), check)
    assert moments > 2


def test_of_the_opening_of_the_lane(backend: RedisStateBackend) -> None:
    node = node_of(backend)

    def check() -> None:
        assert node._opening.held == 0
        backend.get(TASK, "key")
        assert node._lane is not None

    moments = interrupt_at_each_moment(backend.close, lambda: backend.get(TASK, "key"), check)
    assert moments > 20


def test_of_a_call_in_the_pool(backend: RedisStateBackend) -> None:
    node = node_of(backend)

    def check() -> None:
        assert node._free.held == 0
        assert len(node._idle) <= 2
        backend.set(TASK, "key", LARGE)
        assert all(link._sock is not None for link in node._idle)

    moments = interrupt_at_each_moment(nothing, lambda: backend.set(TASK, "key", LARGE), check)
    assert moments > 20


def test_of_a_call_that_tries_a_server_that_has_failed(backend: RedisStateBackend) -> None:
    node = node_of(backend)

    def fail() -> None:
        node.breaker._pulse.heard_at = 0.0
        node.breaker.note(SilenceError("no answer in time"), time.monotonic() - 60)
        assert node.breaker.is_open

    def check() -> None:
        assert node.breaker._turns.held == 0
        assert node._free.held == 0
        backend.get(TASK, "key")
        assert not node.breaker.is_open

    moments = interrupt_at_each_moment(fail, lambda: backend.get(TASK, "key"), check)
    assert moments > 20


def test_of_a_call_that_asks_a_cluster_who_serves_what(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = Settings(url="redis+cluster://127.0.0.1:1")
    monkeypatch.setattr(ClusterRoutes, "_ask_around", lambda *_: SlotMap([]))
    routes = ClusterRoutes(settings, None)

    def forget() -> None:
        routes._map = None

    def check() -> None:
        assert routes._asking.held == 0

    budget = Budget(settings, time.monotonic())
    moments = interrupt_at_each_moment(forget, lambda: routes._learn(budget, None), check)
    assert moments > 3
