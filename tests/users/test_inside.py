"""That `docs/inside.md` tells how a value travels: a call is traced, on a real server."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from importlib import import_module
from operator import attrgetter
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

import redis_state
from redis_state import RedisStateBackend, TaskScope
from redis_state.operations.operation import Operation
from tests.support.servers import server

PACKAGE = Path(redis_state.__file__).parent
PAGE = (PACKAGE.parent / "docs/inside.md").read_text(encoding="utf-8")
SCOPE = TaskScope("dag", "run", "task")
VALUE = '"a value that is found again"'
MOST_MODULES = 10
THERE, BACK, ASKED = "From the method to the socket", "And back", "Asked on the way"


@dataclass
class Trace:
    """The functions that ran during a call, as (module, function), each at its first time."""

    called: dict[tuple[str, str], None] = field(default_factory=dict)
    # Those that returned the value, in whatever form.
    returned: dict[tuple[str, str], None] = field(default_factory=dict)
    # Those that waited for the socket.
    waited: set[tuple[str, str]] = field(default_factory=set)

    @property
    def on_the_way(self) -> set[str]:
        return {module for module, _ in {*self.waited, *self.returned}}

    def see(self, frame: FrameType, event: str, argument: Any) -> None:
        if event == "c_call" and argument.__name__ in {"send", "recv_into"}:
            self.waited |= {place for place in map(place_of, callers(frame)) if place}
        elif (place := place_of(frame)) is None:
            return
        elif event == "call":
            self.called.setdefault(place)
        elif event == "return" and holds_the_value(argument):
            self.returned.setdefault(place)


def place_of(frame: FrameType) -> tuple[str, str] | None:
    path = Path(frame.f_code.co_filename)
    if not path.is_relative_to(PACKAGE):
        return None
    return path.relative_to(PACKAGE).as_posix(), frame.f_code.co_qualname


def callers(frame: FrameType | None) -> Iterator[FrameType]:
    while frame is not None:
        yield frame
        frame = frame.f_back


def holds_the_value(thing: object) -> bool:
    match thing:
        case str():
            return VALUE in thing
        case bytes():
            return VALUE.encode() in thing
        case list() | tuple():
            return any(map(holds_the_value, thing))
        case dict():
            return any(map(holds_the_value, thing.values()))
        case Operation():
            kinds = type(thing).__mro__
            slots = [name for kind in kinds for name in getattr(kind, "__slots__", ())]
            return any(holds_the_value(getattr(thing, name, None)) for name in slots)
    return False


def trace(call: Callable[[], object]) -> Trace:
    # Connecting is no part of it.
    call()
    trace = Trace()
    sys.setprofile(trace.see)
    try:
        # In some of them, the reply comes late.
        for _ in range(100):
            call()
    finally:
        sys.setprofile(None)
    return trace


def listed(heading: str) -> list[tuple[str, str]]:
    """Return the modules and functions that a list of the page names."""
    _, _, part = PAGE.partition(f"\n## {heading}\n")
    part, _, _ = part.partition("\n## ")
    rows = re.findall(r"^(?:\d+\.|-) `([\w/]+\.py)`, `([\w.]+)`:", part, re.MULTILINE)
    assert rows, heading
    return rows


def modules(places: Iterable[tuple[str, str]]) -> set[str]:
    return {module for module, _ in places}


@pytest.fixture(scope="module")
def backend() -> Iterator[RedisStateBackend]:
    with server("valkey91") as running:
        made = RedisStateBackend(url=running.url)
        yield made
        made.close()


@pytest.fixture(scope="module")
def a_set(backend: RedisStateBackend) -> Trace:
    return trace(lambda: backend.set(SCOPE, "key", VALUE))


@pytest.fixture(scope="module")
def a_get(backend: RedisStateBackend, a_set: Trace) -> Trace:
    return trace(lambda: backend.get(SCOPE, "key"))


def test_a_value_travels_as_the_page_tells(a_set: Trace) -> None:
    told = listed(THERE)
    assert modules(told) == a_set.on_the_way
    assert told == [place for place in a_set.called if place in told]
    assert len(a_set.on_the_way) <= MOST_MODULES


def test_a_value_comes_back_as_the_page_tells(a_get: Trace) -> None:
    told = listed(BACK)
    assert modules(told) == modules(a_get.returned)
    assert told == [place for place in a_get.returned if place in told]
    assert len(a_get.on_the_way) <= MOST_MODULES


def test_the_page_names_all_other_modules_that_run(a_set: Trace, a_get: Trace) -> None:
    told = [*listed(THERE), *listed(BACK), *listed(ASKED)]
    assert modules(told) == modules([*a_set.called, *a_get.called])


def test_the_functions_that_are_asked_are_there() -> None:
    for module, function in listed(ASKED):
        found = import_module(f"redis_state.{module.removesuffix('.py').replace('/', '.')}")
        assert attrgetter(function)(found)
