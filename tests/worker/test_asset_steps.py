"""The steps of what changes an asset and its worker values; others may come between any two."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from itertools import combinations, islice
from typing import Any

import pytest

from redis_state import AssetScope, RedisStateBackend, RedisWorkerBackend, StateStoreError
from redis_state.operations.operation import Operation
from tests.matrix import ALL_TOPOLOGIES, ONE_OF_EACH_FORM
from tests.support import topologies
from tests.support.steps import MOST, Steps
from tests.support.waiting import PATIENT

ASSET = AssetScope(asset_id=7)
BY_NAME = AssetScope(name="orders")
BY_URI = AssetScope(uri="s3://bucket/orders")
KEY = "key"


@pytest.fixture(params=ONE_OF_EACH_FORM)
def server_name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


class World:
    """Both sides of one asset, as operations whose steps can be taken one by one."""

    def __init__(self, server: Any, namespace: str, client: Any, *, field_expiry: bool) -> None:
        options = PATIENT | {"url": server.url, "namespace": namespace}
        self.state = RedisStateBackend(**options)
        self.worker = RedisWorkerBackend(**options)
        self.steps = Steps(client, field_expiry=field_expiry)
        self._client = client
        self._namespace = namespace

    def close(self) -> None:
        self.state.close()
        self.worker.close()

    def keep(self, value: object, scope: AssetScope) -> str:
        reference = self.worker.serialize_asset_state_store_to_ref(
            value=value, key=KEY, scope=scope
        )
        return json.dumps({"__airflow_state_ref__": reference})

    def write(self, text: str) -> Operation[None]:
        return self.state._operations.set(ASSET, KEY, text, None, None)

    def store(self, value: object, scope: AssetScope) -> None:
        self.steps.run(self.write(self.keep(value, scope)))

    def load(self) -> object:
        text = self.state.get(ASSET, KEY)
        stored = None if text is None else json.loads(text)
        if not isinstance(stored, dict):
            return stored
        found = self.worker.deserialize_asset_state_store_from_ref(stored["__airflow_state_ref__"])
        return found if found is not None else "nothing at the end of a reference"

    def stored(self) -> dict[str, set[str]]:
        """Return what lies in the server: the keys of each page."""
        pages = self._client.scan_iter(f"{self._namespace}:*", count=1000)
        return {page.decode(): {key.decode() for key in self._client.hkeys(page)} for page in pages}

    def leftovers(self) -> set[str]:
        """Return what lies in the server for nothing: worker values that no document refers to."""
        text = self.state.get(ASSET, KEY) or ""
        kinds = {kind for kind in ("name", "uri") if f"asset/{kind}/" in text}
        stored = self.stored()
        needed = {page for page in stored for kind in kinds if f":aw:{{{kind}:" in page}
        return {page for page in stored if ":aw:" in page or page.endswith(":refs")} - needed

    def pieces(self, operation: Operation[None]) -> Iterator[None]:
        left: Any = operation
        while isinstance(left, Operation):
            left = self.steps.take(left)
            yield

    def forget(self) -> None:
        for page in self._client.scan_iter(f"{self._namespace}:*", count=1000):
            self._client.unlink(page)


@pytest.fixture
def world(server: topologies.Deployment, namespace: str, has_field_expiry: bool) -> Iterator[World]:
    client = topologies.raw_client(server)
    made = World(server, namespace, client, field_expiry=has_field_expiry)
    yield made
    made.close()
    client.close()


# What takes the place of a worker value by name, and what reads as its value afterwards.
CHANGES: dict[str, tuple[Callable[[World], Callable[[], Operation[None]]], object]] = {
    "a worker value by uri": (lambda world: _document(world, "later"), "later"),
    "an inline value": (lambda world: lambda: world.write(_inline("short")), "short"),
    "a plain value": (lambda world: lambda: world.write('"plain"'), "plain"),
    "many plain values": (
        lambda world: (
            lambda: world.state._operations.set_many(ASSET, {KEY: '"x"', "y": "1"}, None, None)
        ),
        "x",
    ),
    "a deletion": (lambda world: lambda: world.state._operations.delete(ASSET, KEY), None),
    "a clear": (
        lambda world: lambda: world.state._operations.clear(ASSET, all_map_indices=False),
        None,
    ),
}


def _document(world: World, value: object) -> Callable[[], Operation[None]]:
    document = world.keep(value, BY_URI)
    return lambda: world.write(document)


def _inline(value: object) -> str:
    return json.dumps({"__airflow_state_ref__": json.dumps(value)})


@pytest.fixture(params=list(CHANGES))
def change(request: pytest.FixtureRequest) -> Any:
    return CHANGES[request.param]


def test_what_dies_after_any_step_can_begin_again(world: World, change: Any) -> None:
    make, value = change
    for cut in range(MOST):
        world.store("earlier", BY_NAME)
        begin = make(world)
        taken = world.steps.run(begin(), cut)
        world.steps.run(begin())
        assert (cut, world.load()) == (cut, value)
        assert (cut, world.leftovers()) == (cut, set())
        world.forget()
        if taken < cut:
            return


# What two tasks do at once, each as the pieces that nothing can come between.
Pieces = Iterator[None]


def stores(world: World, value: str, scope: AssetScope) -> Pieces:
    document = world.keep(value, scope)
    yield
    yield from world.pieces(world.write(document))


def stores_again(world: World, value: str, scope: AssetScope) -> Pieces:
    """Store a value, and repeat the request, as Airflow's client does when an answer is lost."""
    document = world.keep(value, scope)
    yield
    for _ in range(2):
        yield from world.pieces(world.write(document))


def repeats_a_step(world: World, value: str, scope: AssetScope) -> Pieces:
    """Store a value, and repeat the step that writes, as the client does when a reply is lost."""
    document = world.keep(value, scope)
    yield
    write = world.steps.take(world.write(document))
    yield
    world.steps.take(write)
    yield
    yield from world.pieces(write)


def stores_without_the_worker_side(world: World, value: str) -> Pieces:
    yield from world.pieces(world.write(json.dumps(value)))


def deletes(world: World, scope: AssetScope) -> Pieces:
    yield from world.pieces(world.state._operations.delete(ASSET, KEY))
    world.worker.delete(scope, KEY)


def clears(world: World, scope: AssetScope) -> Pieces:
    yield from world.pieces(world.state._operations.clear(ASSET, all_map_indices=False))
    world.worker.clear(scope)


Make = Callable[[World], Pieces]
OTHERS: dict[str, tuple[Make, object]] = {
    "a store by name": (lambda world: stores(world, "second", BY_NAME), "second"),
    "a store by uri": (lambda world: stores(world, "second", BY_URI), "second"),
    "a plain store": (lambda world: stores_without_the_worker_side(world, "second"), "second"),
    "a deletion": (lambda world: deletes(world, BY_NAME), None),
    "a clear": (lambda world: clears(world, BY_NAME), None),
}
# As many as most of them have; who has more takes the rest at the end.
PIECES = 6


@pytest.mark.parametrize("other", list(OTHERS))
@pytest.mark.parametrize("earlier", [BY_NAME, BY_URI], ids=["by name", "by uri"])
def test_no_acknowledged_value_is_lost_whatever_comes_between(
    world: World, other: str, earlier: AssetScope
) -> None:
    make, value = OTHERS[other]
    for turns in orders():
        world.store("earlier", earlier)
        both = [stores(world, "first", BY_NAME), make(world)]
        refused = play(both, turns)
        possible = [value] if 0 in refused else [value, "first"]
        assert (turns, refused - {0, 1}) == (turns, set())
        if 1 in refused:
            possible = ["first"]
        found = world.load()
        assert found in possible, (turns, refused, found)
        assert (turns, world.leftovers()) == (turns, set())
        world.forget()


@pytest.mark.parametrize("first", [stores_again, repeats_a_step])
@pytest.mark.parametrize("other", list(OTHERS))
def test_what_is_repeated_after_another_write_leaves_no_reference_without_its_worker_value(
    world: World, other: str, first: Callable[[World, str, AssetScope], Pieces]
) -> None:
    make, value = OTHERS[other]
    for turns in orders():
        world.store("earlier", BY_URI)
        refused = play([first(world, "first", BY_NAME), make(world)], turns)
        possible = [value, "first", *([None] if refused else [])]
        found = world.load()
        assert found in possible, (turns, refused, found)
        assert (turns, world.leftovers()) == (turns, set())
        world.forget()


def orders() -> Iterator[tuple[int, ...]]:
    """Give the turns of the first, in each order there is; in the quick run, in each seventh."""
    every = 1 if ALL_TOPOLOGIES else 7
    return islice(combinations(range(2 * PIECES), PIECES), 0, None, every)


def play(both: list[Pieces], turns: tuple[int, ...]) -> set[int]:
    """Let both take their pieces in some order; the answer is who was refused."""
    refused = set()
    order = [0 if turn in turns else 1 for turn in range(2 * PIECES)]
    for who in [*order, *[0] * 3 * PIECES, *[1] * 3 * PIECES]:
        try:
            next(both[who], None)
        except StateStoreError:
            refused.add(who)
    return refused


def test_what_is_repeated_while_a_later_write_removes_its_worker_value_changes_nothing(
    world: World,
) -> None:
    document = world.keep("first", BY_NAME)
    world.steps.run(world.write(document))
    later = world.write(world.keep("second", BY_URI))
    for _ in range(2):
        later = world.steps.take(later)
    world.steps.run(world.write(document))
    world.steps.run(later)
    assert world.load() == "second"
    assert world.leftovers() == set()
