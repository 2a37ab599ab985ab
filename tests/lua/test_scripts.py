"""What all scripts have in common, on every server."""

from __future__ import annotations

import threading
import time
from datetime import UTC, datetime, timedelta
from importlib import resources

import redis

from redis_state import RedisStateBackend, TaskScope
from redis_state.format.layout import PAGES, place
from redis_state.operations import scripts
from redis_state.operations.scripts import Script
from tests.support.methods import Methods

MAPPED = TaskScope("dag", "run", "task", 5)
MANY = 10_000


async def test_scripts_are_sent_again_after_a_flush(methods: Methods, raw: redis.Redis) -> None:
    await methods.set(MAPPED, "a", "1", expires_at=datetime.now(UTC) + timedelta(hours=1))
    raw.script_flush()
    await methods.set(MAPPED, "b", "1", expires_at=datetime.now(UTC) + timedelta(hours=1))
    raw.script_flush()
    assert set(await methods.entries(MAPPED)) == {"a", "b"}
    raw.script_flush()
    await methods.delete(MAPPED, "a")
    raw.script_flush()
    await methods.clear(MAPPED)
    assert await methods.entries(MAPPED) == {}


def test_every_script_is_a_file_of_a_few_dozen_lines() -> None:
    for path in (resources.files("redis_state.operations") / "lua").iterdir():
        lines = path.read_text().splitlines()
        assert len(lines) <= 80, path
        assert lines[0].startswith("-- "), path


def test_scripts_are_known_by_their_sha(raw: redis.Redis) -> None:
    loaded = [value for value in vars(scripts).values() if isinstance(value, Script)]
    assert len(loaded) > 20
    for script in loaded:
        assert raw.script_load(script.text) == script.sha
        assert script.text not in repr(script)


def test_ten_thousand_map_indices_are_cleared_in_one_command(
    backend: RedisStateBackend, raw: redis.Redis, namespace: str
) -> None:
    fill(backend, MANY)
    assert len(list(raw.scan_iter(f"{namespace}:*", count=1000))) == PAGES
    backend.set(TaskScope("dag", "run", "task2", 5), "key", "1")
    backend.clear(TaskScope("dag", "run", "task", 0), all_map_indices=True)
    assert list(raw.scan_iter(f"{namespace}:t:{{dag/run/task}}:*", count=1000)) == []
    assert backend.get(TaskScope("dag", "run", "task2", 5), "key") == "1"


def test_one_of_ten_thousand_map_indices_is_cleared_alone(backend: RedisStateBackend) -> None:
    fill(backend, MANY)
    backend.clear(TaskScope("dag", "run", "task", 4321))
    assert backend.entries(TaskScope("dag", "run", "task", 4321)) == {}
    for neighbour in (4321 - PAGES, 4321 + PAGES, 432, 43210 % MANY):
        assert len(backend.entries(TaskScope("dag", "run", "task", neighbour))) == 2


def test_clearing_all_is_atomic(backend: RedisStateBackend, raw: redis.Redis) -> None:
    """A snapshot of all map indices has every value or none."""
    namespace = backend.settings.namespace
    places = [place(namespace, TaskScope("dag", "run", "task", index)) for index in range(300)]

    def count_in_a_snapshot() -> int:
        with raw.pipeline(transaction=True) as snapshot:
            for found in places:
                snapshot.hget(found.page, found.field("key").decode())
            return sum(value is not None for value in snapshot.execute())

    for _ in range(10):
        for index in range(300):
            backend.set(TaskScope("dag", "run", "task", index), "key", "1")
        counts = [count_in_a_snapshot()]
        clearing = threading.Thread(
            target=backend.clear, args=(MAPPED,), kwargs={"all_map_indices": True}
        )
        clearing.start()
        while counts[-1] != 0:
            counts.append(count_in_a_snapshot())
        clearing.join()
        assert set(counts) == {300, 0}


def test_a_set_after_a_clear_is_never_lost(backend: RedisStateBackend) -> None:
    """Writers beside clears: a value whose write began after the last clear is there."""
    deadline = time.monotonic() + 1.0
    lost: list[int] = []

    def write_and_read(index: int) -> None:
        scope, turn = TaskScope("dag", "run", "other", index), 0
        while time.monotonic() < deadline:
            turn += 1
            backend.set(scope, "key", str(turn), expires_at=datetime.now(UTC) + timedelta(hours=1))
            if backend.get(scope, "key") not in (str(turn), None):
                lost.append(index)

    def clear() -> None:
        while time.monotonic() < deadline:
            backend.clear(TaskScope("dag", "run", "other"), all_map_indices=True)

    threads = [threading.Thread(target=write_and_read, args=(index,)) for index in range(8)]
    threads.append(threading.Thread(target=clear))
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert lost == []
    for index in range(8):
        backend.set(TaskScope("dag", "run", "other", index), "key", '"last"')
        assert backend.get(TaskScope("dag", "run", "other", index), "key") == '"last"'


def fill(backend: RedisStateBackend, count: int) -> None:
    for index in range(count):
        backend.set_many(TaskScope("dag", "run", "task", index), {"a": "1", "b": "2"})
