"""What an export has, an import brings back: the same bytes with the same times."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
import redis

from redis_state import (
    AssetScope,
    CorruptValueError,
    MisconfiguredError,
    RedisStateBackend,
    RedisWorkerBackend,
    StateStoreError,
    TaskScope,
)
from redis_state.admin.archive.exporting import Export
from redis_state.admin.archive.importing import Expiry, Import, ImportReport, expiry_of_tasks
from redis_state.admin.migration.values import Outcome
from redis_state.admin.walking import Walk
from redis_state.cli.context import store_of
from redis_state.config.settings import Settings
from redis_state.format import envelope
from redis_state.testing import EmbeddedServer
from tests import matrix
from tests.support.both_sides import ASSET, ENDS, MAPPED, TASK, contents, fill
from tests.support.leaks import check_leaks
from tests.support.servers import raw_client
from tests.support.waiting import PATIENT, reached

KEY = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="
ENCRYPTED = {"encryption": "own", "encryption_keys": KEY}
REGION = UUID(int=2**100 + 5)
OTHERS = (
    TaskScope("dag", "run", "mapped", 131, REGION),
    TaskScope("a/b {c} %", "ru\ud800n", "tä\nsk"),
    AssetScope(name="orders/{x}"),
    AssetScope(uri="s3://bucket/orders?x=1"),
    AssetScope(asset_id=-(10**99)),
)
LAST = datetime(9999, 12, 31, 23, 59, 59, 999_999, UTC)


@pytest.fixture(scope="module")
def other_server() -> Iterator[EmbeddedServer]:
    with EmbeddedServer() as running:
        yield running


@pytest.fixture
def other(other_server: EmbeddedServer) -> Iterator[redis.Redis]:
    with raw_client(other_server) as client:
        yield client
        client.flushall()


@pytest.fixture
def there(
    other: redis.Redis, other_server: EmbeddedServer, namespace: str
) -> Callable[..., Settings]:
    """Give the settings of an empty server, and look for leaks there."""
    own: dict[str, Any] = {"url": other_server.url, "namespace": namespace, **PATIENT}
    return lambda **options: RedisStateBackend(**own | options).settings


def fill_all(options: dict[str, Any]) -> None:
    fill(options)
    backend = RedisStateBackend(**options)
    for scope in OTHERS:
        backend.set(scope, "", "null")
        backend.set(scope, "k\ud800\0:{ü}", '"\ud83d lone, and \\u00e9"')
    backend.set(TASK, "last", "9", expires_at=LAST)
    backend.set(TASK, "\0", "1", expires_at=datetime.now(UTC) + timedelta(days=1))
    backend.close()


async def export(settings: Settings, *, decrypts: bool = False) -> list[bytes]:
    written: list[bytes] = []

    async def write(data: bytes) -> None:
        written.append(data)

    async with store_of(settings) as store:
        exporting = Export(store, write, decrypts=decrypts)
        walk = Walk(store.client, store.namespace)
        await exporting.run(walk, lambda _: True, lambda _, __: None)
    return b"".join(written).splitlines()


async def bring(
    settings: Settings,
    lines: Iterable[bytes],
    *,
    expiry: Expiry | None = None,
    any_owner: bool = False,
    is_dry_run: bool = False,
    report: list[ImportReport] | None = None,
) -> Counter[Outcome]:
    async def numbered() -> AsyncIterator[tuple[int, bytes]]:
        for number, line in enumerate(lines, 1):
            yield number, line

    async with store_of(settings) as store:
        importing = Import(store, expiry=expiry, any_owner=any_owner, is_dry_run=is_dry_run)
        if report is not None:
            report.append(importing.report)
        await importing.run(numbered())
    assert importing.report.read == importing.report.outcomes.total()
    return +importing.report.outcomes


@pytest.fixture
def own(server: Any, namespace: str) -> dict[str, Any]:
    return {"url": server.url, "namespace": namespace, **PATIENT}


@pytest.mark.parametrize("server_name", [*matrix.ONE_OF_EACH_FORM, "valkey91-cluster"])
async def test_on_an_empty_server_the_bytes_are_the_same(
    own: dict[str, Any], raw: redis.Redis, other: redis.Redis, there: Callable[..., Settings]
) -> None:
    fill_all(own)
    lines = await export(RedisStateBackend(**own).settings)
    count = json.loads(lines[-1])["values"]
    assert await bring(there(), lines, is_dry_run=True) == {Outcome.WRITTEN: count}
    assert not contents(other, own["namespace"])
    assert await bring(there(), lines) == {Outcome.WRITTEN: count}
    assert contents(other, own["namespace"]) == contents(raw, own["namespace"])
    check_leaks(other, own["namespace"], field_form=True)
    for is_dry_run in (True, False):
        assert await bring(there(), lines, is_dry_run=is_dry_run) == {Outcome.THERE: count}


async def test_encrypted_values_stay_so_in_the_file_and_at_the_target(
    own: dict[str, Any], raw: redis.Redis, other: redis.Redis, there: Callable[..., Settings]
) -> None:
    fill_all(own | ENCRYPTED)
    # Written before encryption was on.
    RedisStateBackend(**own).set(TASK, "plain", '"from before"')
    settings = RedisStateBackend(**own, **ENCRYPTED).settings
    lines = await export(settings)
    assert not any(b"lone" in line or b"longlong" in line for line in lines)
    elsewhere = there(**ENCRYPTED, namespace="elsewhere")
    await bring(elsewhere, lines)
    found = contents(other, "elsewhere")
    assert found.keys() == contents(raw, own["namespace"]).keys()
    assert not any(b"lone" in each or b"longlong" in each for each in found.values())
    readable = await export(settings, decrypts=True)
    assert sorted(readable[1:]) == sorted((await export(elsewhere, decrypts=True))[1:])
    assert any(b"longlong" in line for line in readable)
    # A key is not needed to make a backup.
    assert len(await export(RedisStateBackend(**own).settings)) == len(lines)


@pytest.mark.parametrize("server_name", [matrix.FIELD_FORM])
@pytest.mark.parametrize(
    ("options", "why"),
    [
        ({}, "would be written in plain"),
        ({"encryption_keys": KEY}, "would be written in plain"),
        (ENCRYPTED | {"encryption_keys": KEY.replace("A", "B", 1)}, "key that is not configured"),
    ],
)
async def test_encrypted_values_are_written_only_where_they_are_encrypted_and_readable(
    own: dict[str, Any],
    other: redis.Redis,
    there: Callable[..., Settings],
    options: dict[str, str],
    why: str,
) -> None:
    RedisStateBackend(**own, **ENCRYPTED).set(TASK, "a", "1")
    lines = await export(RedisStateBackend(**own, **ENCRYPTED).settings)
    with pytest.raises(MisconfiguredError, match=why):
        await bring(there(**options), lines)
    # The header may have been lost.
    lines[0] = lines[0].replace(b'"encrypted": true', b'"encrypted": false')
    with pytest.raises(MisconfiguredError, match=why):
        await bring(there(**options), lines)
    assert not contents(other, own["namespace"])


@pytest.mark.parametrize("server_name", [*matrix.ONE_OF_EACH_FORM, "valkey91-cluster"])
async def test_references_of_workers_lead_to_their_values(
    own: dict[str, Any], other: redis.Redis, there: Callable[..., Settings]
) -> None:
    fill(own)
    await bring(there(), await export(RedisStateBackend(**own).settings))
    options = own | {"url": there().url.get_secret_value()}
    backend, worker = RedisStateBackend(**options), RedisWorkerBackend(**options)
    reads: dict[TaskScope | AssetScope, Callable[[str], Any]] = {
        MAPPED: worker.deserialize_task_state_store_from_ref,
        ASSET: worker.deserialize_asset_state_store_from_ref,
    }
    for scope, read in reads.items():
        document = json.loads(backend.get(scope, "result") or "")
        assert read(document["__airflow_state_ref__"]) == {"of": "a worker"}
    assert backend.entries(MAPPED)["result"].expires_at == ENDS
    # A worker value of an asset still goes with its document.
    backend.delete(ASSET, "result")
    assert (b":aw:{name:orders}", b"result") not in contents(other, own["namespace"])
    backend.close()
    worker.close()


@pytest.mark.parametrize("server_name", [matrix.FIELD_FORM])
async def test_a_namespace_that_begins_as_another_is_left_alone(
    backend: RedisStateBackend, other: redis.Redis, there: Any, make_backend: Any
) -> None:
    namespace = backend.settings.namespace
    longer = make_backend(namespace=f"{namespace}:a")
    for each in (backend, longer):
        each.set(TASK, "key", "1")
    assert await bring(there(), await export(backend.settings)) == {Outcome.WRITTEN: 1}
    assert list(contents(other, namespace)) == [(b":t:{dag/run/task}:-1", b"key")]
    longer.delete(TASK, "key")


async def test_what_is_newer_stays_and_what_is_older_is_replaced(
    backend: RedisStateBackend,
) -> None:
    backend.set_many(TASK, {"older": "1", "newer": "2", "gone": "3", "same": "4"})
    lines = await export(backend.settings)
    await reached(
        lambda: envelope.now() // 1000 > envelope.to_microseconds(_newest(backend)) // 1000
    )
    backend.set(TASK, "newer", "22")
    backend.delete(TASK, "gone")
    before = backend.entries(TASK)
    wanted = {Outcome.WRITTEN: 1, Outcome.NEWER: 1, Outcome.THERE: 2}
    assert await bring(backend.settings, lines, is_dry_run=True) == wanted
    assert await bring(backend.settings, lines) == wanted
    after = backend.entries(TASK)
    assert after.pop("gone").value == "3"
    assert after == before
    newer = await export(backend.settings)
    backend.clear(TASK)
    await bring(backend.settings, lines)
    assert await bring(backend.settings, newer) == {Outcome.WRITTEN: 1, Outcome.THERE: 3}
    assert backend.get(TASK, "newer") == "22"


def _newest(backend: RedisStateBackend) -> datetime:
    return max(entry.updated_at for entry in backend.entries(TASK).values())


async def test_what_expires_keeps_its_time_or_is_given_another(
    backend: RedisStateBackend,
) -> None:
    backend.set(TASK, "ends", "1", expires_at=ENDS)
    backend.set(TASK, "stays", "2")
    backend.set(ASSET, "watermark", "3")
    lines = await export(backend.settings)
    over = [line.replace(b"%d" % envelope.to_microseconds(ENDS), b"1") for line in lines]
    for scope in (TASK, ASSET):
        backend.clear(scope)
    assert await bring(backend.settings, over) == {Outcome.WRITTEN: 2, Outcome.EXPIRED: 1}
    assert backend.get(TASK, "ends") is None
    until = datetime.now(UTC) + timedelta(days=2)
    await bring(backend.settings, over, expiry=expiry_of_tasks(envelope.to_microseconds(until)))
    # A value that is there keeps the expiry that it has.
    assert _expiries(backend) == {"ends": until, "stays": None, "watermark": None}
    backend.clear(TASK)
    await bring(backend.settings, lines, expiry=expiry_of_tasks(envelope.NEVER))
    assert _expiries(backend) == {"ends": None, "stays": None, "watermark": None}


def _expiries(backend: RedisStateBackend) -> dict[str, datetime | None]:
    entries = backend.entries(TASK) | backend.entries(ASSET)
    return {key: entry.expires_at for key, entry in entries.items()}


async def test_a_value_that_has_expired_but_is_still_there_is_replaced(
    backend: RedisStateBackend, raw: redis.Redis
) -> None:
    backend.set(TASK, "sibling", "1")
    backend.set(TASK, "ends", "1", expires_at=ENDS)
    lines = await export(backend.settings)
    page = f"{backend.settings.namespace}:t:{{dag/run/task}}:-1"
    found: Any = raw.hget(page, "ends")
    over = found[: envelope.DEADLINE.start] + envelope.deadline_bytes(1)
    raw.hset(page, "ends", over + found[envelope.DEADLINE.stop :])
    never = expiry_of_tasks(envelope.NEVER)
    wanted = {Outcome.WRITTEN: 1, Outcome.THERE: 1}
    assert await bring(backend.settings, lines, expiry=never, is_dry_run=True) == wanted
    assert await bring(backend.settings, lines, expiry=never) == wanted
    assert backend.get(TASK, "ends") == "1"


async def test_a_deadline_that_has_moved_since_is_left(backend: RedisStateBackend) -> None:
    worker = RedisWorkerBackend(
        url=backend.settings.url.get_secret_value(), namespace=backend.settings.namespace
    )
    reference = worker.serialize_task_state_store_to_ref(value=1, key="key", scope=TASK)
    lines = await export(backend.settings)
    document = json.dumps({"__airflow_state_ref__": reference})
    # The worker value ends with its reference from now on, and was not written again.
    backend.set(TASK, "key", document, expires_at=ENDS)
    assert await bring(backend.settings, lines) == {Outcome.THERE: 1}
    (line,) = [line for line in await export(backend.settings) if b'"worker"' in line]
    assert json.loads(line)["expires_at"] == envelope.to_microseconds(ENDS)
    backend.clear(TASK)
    worker.clear(TASK)
    worker.close()


@pytest.mark.parametrize("server_name", [matrix.FIELD_FORM])
async def test_a_target_that_is_full_is_told_and_can_be_taken_up(
    backend: RedisStateBackend, other: redis.Redis, there: Callable[..., Settings]
) -> None:
    for index in range(30):
        backend.set(TaskScope("dag", "run", "large", index), "key", '"' + "x" * 100_000 + '"')
    lines = await export(backend.settings)
    other.config_set("maxmemory", other.info("memory")["used_memory"] + 1_500_000)
    try:
        with pytest.raises(StateStoreError, match="The target is full"):
            await bring(there(), lines)
        assert len(contents(other, backend.settings.namespace)) < 30
        check_leaks(other, backend.settings.namespace, field_form=True)
    finally:
        other.config_set("maxmemory", 0)
    assert (await bring(there(), lines)).total() == 30
    assert len(contents(other, backend.settings.namespace)) == 30


@pytest.mark.parametrize("server_name", [matrix.FIELD_FORM])
async def test_a_file_of_another_airflow_is_refused(
    backend: RedisStateBackend, other: redis.Redis, there: Callable[..., Settings]
) -> None:
    backend.claim("one")
    backend.set(TASK, "key", "1")
    lines = await export(backend.settings)
    mark = f"{backend.settings.namespace}:{{owner}}"
    await bring(there(), lines, is_dry_run=True)
    await bring(there(), lines, any_owner=True)
    assert not other.exists(mark)
    # A namespace without an owner has the file's from now on.
    await bring(there(), lines)
    assert other.hget(mark, "database") == b"one"
    other.hset(mark, "database", "another")
    with pytest.raises(MisconfiguredError, match="The file is another Airflow's"):
        await bring(there(), lines)
    lines[0] = json.dumps(json.loads(lines[0]) | {"owner": None}).encode()
    with pytest.raises(MisconfiguredError, match="has no owner"):
        await bring(there(), lines)
    assert await bring(there(), lines, any_owner=True) == {Outcome.THERE: 1}


@pytest.mark.parametrize("server_name", [matrix.FIELD_FORM])
async def test_what_stands_before_a_damaged_line_is_written(
    backend: RedisStateBackend, there: Callable[..., Settings]
) -> None:
    backend.set_many(TASK, {str(number): "1" for number in range(5)})
    lines = await export(backend.settings)
    for damage, why in (
        ([*lines[:3], b"{", *lines[4:]], "Line 4 of the file is damaged"),
        ([*lines[:3], lines[3][:40]], "Line 4 of the file is damaged or cut off"),
        (lines[:3], "cut off: line 3 is not the last"),
        (lines[:1], "cut off: line 1 is not the last"),
        ([*lines[:3], *lines[4:]], "lacks values: it says that it has 5, and has 4"),
        ([*lines, *lines], "Line 8 of the file is damaged or cut off: it comes after the last"),
        ([], "The file is empty"),
        (lines[1:], "Line 1 of the file is damaged"),
        ([lines[0].replace(b'state": 1', b'state": 2'), *lines[1:]], "Line 1 .* redis-state"),
    ):
        report: list[ImportReport] = []
        for is_dry_run in (True, False):
            with pytest.raises(CorruptValueError, match=why):
                await bring(there(), damage, report=report, is_dry_run=is_dry_run)
        assert [each.read for each in report] == [each.outcomes.total() for each in report]
    assert await bring(there(), lines) == {Outcome.THERE: 5}


@pytest.mark.parametrize("server_name", [matrix.FIELD_FORM])
async def test_what_the_target_refuses_is_told_by_name(
    backend: RedisStateBackend, other: redis.Redis, there: Callable[..., Settings]
) -> None:
    backend.set_many(TASK, {"large": '"' + "x" * 2_000 + '"', "k" * 100: "1", "foreign": "1"})
    lines = await export(backend.settings)
    page = f"{backend.settings.namespace}:t:{{dag/run/task}}:-1"
    other.hset(page, "foreign", "bytes")
    report: list[ImportReport] = []
    strict = there(max_value_bytes=1_000, max_key_chars=99)
    assert await bring(strict, lines, report=report) == {Outcome.REFUSED: 3}
    assert not report[0].is_complete
    assert {problem.spot[-5:] for problem in report[0].problems} == {"large", "k" * 5, "reign"}


@pytest.mark.parametrize("server_name", [matrix.FIELD_FORM])
async def test_what_cannot_be_read_is_told_and_counted(
    backend: RedisStateBackend, raw: redis.Redis
) -> None:
    backend.set(TASK, "key", "1")
    page = f"{backend.settings.namespace}:t:{{dag/run/task}}:-1"
    raw.hset(page, "foreign", "bytes")
    assert json.loads((await export(backend.settings))[-1]) == {
        "kind": "end",
        "values": 1,
        "unreadable": 1,
    }
    raw.delete(page)
