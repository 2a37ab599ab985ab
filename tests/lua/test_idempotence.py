"""Every operation may be run twice, from any point of its steps: the state is that of one run.

The first run ends after any of its steps, as where its process dies or its reply is lost.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, TypeAlias

import pytest
import redis

from redis_state import AssetScope, RedisStateBackend, RedisWorkerBackend, TaskScope
from redis_state.format import envelope
from redis_state.operations.copying import Copy, CopyValues, Discard
from redis_state.operations.operation import Operation
from redis_state.operations.reencrypt import Replace
from redis_state.operations.sweeping import SweepAsset, SweepTask, SweepWorker
from tests.matrix import ONE_OF_EACH_FORM
from tests.support.steps import Steps

TASK, MAPPED, NEIGHBOUR = (TaskScope("dag", "run", "task", index) for index in (-1, 3, 131))
ASSET, BY_NAME = AssetScope(asset_id=7), AssetScope(name="orders")
SOON = datetime.now(UTC) + timedelta(hours=1)
PAST = datetime.now(UTC) - timedelta(hours=1)
LATER = int(SOON.timestamp() * 1000)
TOO_LATE = datetime(9000, 1, 1, tzinfo=UTC)
# What a worker has kept before: to keep it again would be another write.
DOCUMENT = '{"__airflow_state_ref__": "redis-state:%s/result"}'
OF_TASK, OF_ASSET = DOCUMENT % "task/dag/run/task/3/", DOCUMENT % "asset/name/orders"


class World:
    """Both sides of state, as operations whose steps are taken one by one."""

    def __init__(self, server: Any, namespace: str, client: Any, *, field_expiry: bool) -> None:
        options = {"url": server.url, "namespace": namespace}
        self.server = RedisStateBackend(**options)
        self.worker = RedisWorkerBackend(**options)
        self.client, self.namespace = client, namespace
        self.steps = Steps(client, field_expiry=field_expiry)
        self._field_expiry = field_expiry
        self.met: dict[tuple[str, str], bytes] = {}

    def fill(self) -> None:
        """Put everything back that there was before."""
        for page in self.client.scan_iter(f"{self.namespace}:*", count=1000):
            self.client.unlink(page)
        for scope in (TASK, MAPPED, NEIGHBOUR, ASSET):
            self.server.set_many(scope, {"a": "1", "b": "2"})
            self.server.set(scope, "lease", "3", expires_at=SOON)
        for scope in (MAPPED, BY_NAME):
            self.worker.set_many(scope, {"result": "4", "other": "5"})
        self.server.set(ASSET, "other", DOCUMENT.replace("%s/result", "asset/name/orders/other"))

    def state(self) -> set[tuple[Any, ...]]:
        """Return all that lies in the server, but for when it was written."""
        found: set[tuple[Any, ...]] = set()
        for page in self.client.scan_iter(f"{self.namespace}:*", count=1000):
            for field, raw in self.client.hgetall(page).items():
                if field == b"\0":
                    continue
                if page.endswith(b":refs"):
                    found.add((page, field))
                    continue
                header = envelope.read_header(raw, "page", "key")
                # The worker draws another number for each write of an asset's value.
                drawn = 0 if b":a" in page else header.incarnation
                known = (header.expires_at, drawn, raw[envelope.SIZE :])
                found.add((page, field, *known, self._native(page, field)))
        return found

    def _native(self, page: bytes, field: bytes) -> bool:
        if not self._field_expiry:
            return bool(self.client.pttl(page) >= 0)
        (until,) = self.client.execute_command("HPEXPIRETIME", page, "FIELDS", 1, field)
        return bool(until >= 0)


Make: TypeAlias = Callable[[World], Operation[Any]]


def replace(world: World) -> Operation[Any]:
    page = f"{world.namespace}:a:{{id:7}}"
    old = envelope.encode(b"1", 0, 0)
    world.client.hset(page, "a", old)
    return Replace(page, b"a", old, envelope.encode(base64.b64encode(b"new"), 0, 0))


def copy(until: int, *, replacing: bool = False) -> Make:
    """Bring values of a mapped task from elsewhere: a new one, and newer ones over both others."""

    def make(world: World) -> Operation[Any]:
        moment = envelope.now() + 3_600_000_000
        page = f"{world.namespace}:t:{{dag/run/task}}:3"
        copies = [
            Copy(field, envelope.encode(b"9", moment, until), old if replacing else b"")
            for field in (b"3:new", b"3:a", b"3:lease")
            for old in [world.client.hget(page, field) or b""]
        ]
        return CopyValues(page, copies)

    return make


def discard(*fields: bytes) -> Make:
    def make(world: World) -> Operation[Any]:
        page = f"{world.namespace}:t:{{dag/run/task}}:3"
        return Discard(page, [(each, world.client.hget(page, each) or b"") for each in fields])

    return make


def on_server(method: str, *args: Any, **options: Any) -> Make:
    return lambda world: getattr(world.server._operations, method)(*args, **options)


def on_worker(method: str, *args: Any, **options: Any) -> Make:
    return lambda world: getattr(world.worker._operations, method)(*args, **options)


def met(world: World, page: str, *keys: str) -> dict[bytes, bytes]:
    """Return the fields of a page as a sweep has met them."""
    for key in keys:
        value = world.client.hget(f"{world.namespace}:{page}", key)
        # What the first run has removed was met before it.
        if value is not None:
            world.met[page, key] = value[envelope.UPDATED_AT.start : envelope.SIZE]
    headers = {key.encode(): world.met[page, key] for key in keys}
    # One that is not as it was met any more.
    return headers | {b"3:b": bytes(envelope.SIZE - 1)}


def swept(
    kind: Callable[..., Operation[Any]],
    pages: tuple[str, ...],
    *arguments: Any,
    keys: tuple[str, ...],
) -> Make:
    def make(world: World) -> Operation[Any]:
        names = [f"{world.namespace}:{page}" for page in pages]
        return kind(*names, *arguments, met(world, pages[0], *keys))

    return make


def swept_asset(world: World) -> Operation[Any]:
    operations = world.server._server_operations
    asset = operations._asset(operations._place(ASSET))
    return SweepAsset(asset, met(world, "a:{id:7}", "a", "other"))


ALL, ONE = {"all_map_indices": True}, {"all_map_indices": False}


OPERATIONS: dict[str, Make] = {
    f"{method} of {name}": on_server(method, scope, *args)
    for name, scope in {"task": TASK, "mapped": MAPPED, "asset": ASSET}.items()
    for method, args in {
        "get": ("a", None),
        "get_many": (["a", "lease"], None),
        "delete": ("a",),
        "set_many": ({"a": "9", "new": "9"}, SOON, None),
    }.items()
}
OPERATIONS |= {
    f"set of {name} {until}": on_server("set", scope, "a", "9", deadline, None)
    for name, scope in {"task": TASK, "mapped": MAPPED, "asset": ASSET}.items()
    for until, deadline in {
        "for ever": None,
        "for an hour": SOON,
        "that is over": PAST,
        "for longer than Redis can": TOO_LATE,
    }.items()
}
OPERATIONS |= {
    "clear of task": on_server("clear", TASK, **ONE),
    "clear of mapped": on_server("clear", MAPPED, **ONE),
    "clear of all map indices": on_server("clear", MAPPED, **ALL),
    "clear of asset": on_server("clear", ASSET, **ONE),
    "a reference of a task": on_server("set", MAPPED, "result", OF_TASK, SOON, None),
    "a stale reference of a task": on_server("set", MAPPED, "other", OF_TASK, None, None),
    "a reference of an asset": on_server("set", ASSET, "result", OF_ASSET, None, None),
    "a value for a reference": on_server("set", ASSET, "other", "9", None, None),
    "deletion of a reference": on_server("delete", ASSET, "other"),
    "a worker value": on_worker("set", MAPPED, "result", "9", SOON, None),
    "a worker value of an asset": on_worker("set", BY_NAME, "result", "9", None, None),
    "deletion of a worker value": on_worker("delete", MAPPED, "result"),
    "deletion of a worker value of an asset": on_worker("delete", BY_NAME, "result"),
    "a copy for ever": copy(0),
    "a copy for an hour": copy(envelope.to_microseconds(SOON), replacing=True),
    "a copy that is over": copy(envelope.to_microseconds(PAST)),
    "removal of what was copied": discard(b"3:a", b"3:lease"),
    "clear of worker values": on_worker("clear", MAPPED, **ONE),
    "clear of worker values of an asset": on_worker("clear", BY_NAME, **ONE),
}
STATE, WORKER_VALUES = "t:{dag/run/task}:3", "tw:{dag/run/task}:3"
OPERATIONS |= {
    "sweep of a task": swept(
        SweepTask, (STATE, WORKER_VALUES), LATER, keys=("3:a", "3:lease", "131:b")
    ),
    "sweep of worker values": swept(SweepWorker, (WORKER_VALUES,), None, keys=("3:result",)),
    "sweep of worker values without a reference": swept(
        SweepWorker, (WORKER_VALUES, STATE), keys=("3:result", "3:other")
    ),
    "sweep of an asset": swept_asset,
}


@pytest.fixture(params=ONE_OF_EACH_FORM)
def server_name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def world(server: Any, namespace: str, raw: redis.Redis, has_field_expiry: bool) -> Iterator[World]:
    made = World(server, namespace, raw, field_expiry=has_field_expiry)
    yield made
    made.server.close()
    made.worker.close()


@pytest.mark.parametrize("name", OPERATIONS)
def test_an_operation_that_is_run_twice_ends_as_one_that_is_run_once(
    world: World, name: str
) -> None:
    make = OPERATIONS[name]
    world.fill()
    count = world.steps.run(make(world))
    once = world.state()
    for taken in range(1, count + 1):
        world.fill()
        world.steps.run(make(world), taken)
        world.steps.run(make(world))
        assert world.state() == once, f"after {taken} of {count} steps"


def test_a_value_that_is_replaced_twice_is_replaced_once(world: World) -> None:
    operation = replace(world)
    assert world.steps.take(operation) is True
    once = world.state()
    assert world.steps.take(operation) is False
    assert world.state() == once
