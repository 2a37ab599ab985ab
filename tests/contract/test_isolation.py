"""Several Airflows in one Redis, told apart by their namespaces: none ever touches another's state.

The namespaces are prefixes of each other, and look like parts of each other's keys.
"""

from __future__ import annotations

import base64
import os
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from redis_state import StateScope, TaskScope
from redis_state.format import layout
from tests.matrix import SERVERS, TOPOLOGIES
from tests.support.methods import Methods
from tests.support.waiting import passed_by

ENDINGS = ("", ":t", ":a", "b")
MAPPED = [TaskScope("dag", "run", "task", index) for index in (-1, 0, 128)]
LIFE = timedelta(milliseconds=150)


# Fakes share no server.
@pytest.fixture(params=[*SERVERS, *TOPOLOGIES])
def methods_maker(make_backend: Callable[..., Any]) -> Any:
    return lambda mode, **options: Methods(make_backend(**options), mode)


@pytest.fixture
async def airflows(
    methods_with: Any, namespace: str, scope: StateScope
) -> AsyncIterator[dict[str, Methods]]:
    """Give the methods of an Airflow for each ending of its namespace, all of which hold state."""
    # Plain, whatever the suite runs with: a test tells what is encrypted from what is not.
    plain = {"encryption": "off"}
    made = {ending: methods_with(namespace=namespace + ending, **plain) for ending in ENDINGS}
    yield made
    for methods in made.values():
        for used in (scope, *MAPPED):
            await methods.clear(used)
        if methods._is_async:
            await methods.backend.aclose()


async def fill(airflows: dict[str, Methods], scope: StateScope) -> None:
    for ending, methods in airflows.items():
        await methods.set_many(scope, {"a": f'"a{ending}"', "b": f'"b{ending}"'})


async def state(airflows: dict[str, Methods], scope: StateScope) -> dict[str, dict[str, str]]:
    return {
        ending: {key: entry.value for key, entry in (await methods.entries(scope)).items()}
        for ending, methods in airflows.items()
    }


async def test_each_has_values_of_its_own_under_the_same_scope_and_key(
    airflows: dict[str, Methods], scope: StateScope
) -> None:
    await fill(airflows, scope)
    for ending, methods in airflows.items():
        expected = {"a": f'"a{ending}"', "b": f'"b{ending}"'}
        assert await methods.get(scope, "a") == expected["a"]
        assert await methods.get_many(scope, ["a", "b", "c"]) == expected
    assert await state(airflows, scope) == {
        ending: {"a": f'"a{ending}"', "b": f'"b{ending}"'} for ending in ENDINGS
    }


async def test_what_one_writes_no_other_sees(
    airflows: dict[str, Methods], scope: StateScope
) -> None:
    for ending in ENDINGS:
        before = await state(airflows, scope)
        await airflows[ending].set(scope, "new", '"written"')
        await airflows[ending].set_many(scope, {"more": '"written"'})
        expected = before | {ending: before[ending] | {"new": '"written"', "more": '"written"'}}
        assert await state(airflows, scope) == expected


async def test_what_one_deletes_the_others_keep(
    airflows: dict[str, Methods], scope: StateScope
) -> None:
    await fill(airflows, scope)
    for ending in ENDINGS:
        before = await state(airflows, scope)
        await airflows[ending].delete(scope, "a")
        assert await state(airflows, scope) == before | {ending: {"b": f'"b{ending}"'}}


@pytest.mark.parametrize("all_map_indices", [False, True], ids=["one", "all map indices"])
async def test_what_one_clears_the_others_keep(
    airflows: dict[str, Methods], scope: StateScope, all_map_indices: bool
) -> None:
    await fill(airflows, scope)
    for ending in ENDINGS:
        before = await state(airflows, scope)
        await airflows[ending].clear(scope, all_map_indices=all_map_indices)
        assert await state(airflows, scope) == before | {ending: {}}


async def test_a_clear_of_all_map_indices_leaves_all_those_of_the_others(
    airflows: dict[str, Methods],
) -> None:
    for mapped in MAPPED:
        await fill(airflows, mapped)
    await airflows[""].clear(MAPPED[0], all_map_indices=True)
    for mapped in MAPPED:
        held = await state(airflows, mapped)
        assert held.pop("") == {}
        assert all(values.keys() == {"a", "b"} for values in held.values())


async def test_what_expires_for_one_stays_for_the_others(
    airflows: dict[str, Methods], scope: StateScope
) -> None:
    await fill(airflows, scope)
    before = await state(airflows, scope)
    deadline = datetime.now(UTC) + LIFE
    await airflows[""].set(scope, "a", '"short"', expires_at=deadline)
    await passed_by(deadline)
    assert await state(airflows, scope) == before | {"": {"b": '"b"'}}


async def test_what_one_encrypts_stays_plain_for_the_others(
    airflows: dict[str, Methods], methods_with: Any, namespace: str, scope: StateScope, raw: Any
) -> None:
    await fill(airflows, scope)
    before = await state(airflows, scope)
    pages = {ending: layout.place(namespace + ending, scope).page for ending in ENDINGS}
    bytes_before = {ending: raw.hgetall(page) for ending, page in pages.items()}
    key = base64.urlsafe_b64encode(os.urandom(32)).decode()
    for ending in ("", ":t"):
        options = {"encryption": "own", "encryption_keys": key}
        encrypting = methods_with(namespace=namespace + ending, **options)
        report = await encrypting._call("rotate")
        assert (report.seen, report.reencrypted) == (2, 2)
        bytes_before.pop(ending)
        assert {each: raw.hgetall(pages[each]) for each in bytes_before} == bytes_before
        assert await state({ending: encrypting}, scope) == {ending: before[ending]}
