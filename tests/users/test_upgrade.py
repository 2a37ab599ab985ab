"""Two versions side by side on one server, as they are while API servers restart one by one."""

from __future__ import annotations

import base64
import json
import os
import random
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from redis_state import AssetScope, RedisStateBackend, StateScope, TaskScope
from redis_state.format import layout
from tests.support.methods import Methods
from tests.support.older_version import OlderVersion, UnreadableError
from tests.support.waiting import passed_by

GOLDEN = json.loads(
    Path(__file__).parents[1].joinpath("unit/golden_envelopes.json").read_text(encoding="utf-8")
)
MAPPED, ITS_NEIGHBOUR = TaskScope("etl", "r", "load", 3), TaskScope("etl", "r", "load", 131)
TASK = TaskScope("a/b", "manual__2026-01-02T03:04:05+00:00", "{é} 100%")
SCOPES = [TASK, MAPPED, AssetScope(asset_id=7), AssetScope(uri="s3://lake/orders/")]
LATER = timedelta(hours=1)
SOON = timedelta(milliseconds=200)
AWKWARD = ("cursor", "\0odd", "\ud800", "3:job", "")


@pytest.fixture(params=SCOPES, ids=["task", "mapped", "asset", "asset by uri"])
def scope(request: pytest.FixtureRequest) -> StateScope:
    scope: StateScope = request.param
    return scope


@pytest.fixture
def older(raw: Any, namespace: str, has_field_expiry: bool) -> OlderVersion:
    return OlderVersion(raw, namespace, field_form=has_field_expiry)


def ahead(delta: timedelta) -> tuple[datetime, int]:
    """Return the moment as today's version takes it, and as the older one does."""
    moment = datetime.now(UTC) + delta
    return moment, (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)


async def pass_(delta: timedelta) -> None:
    """Wait until what was written just now with that deadline has to be gone."""
    await passed_by(ahead(delta)[0])


@pytest.mark.parametrize("golden", GOLDEN, ids=lambda golden: golden["name"])
async def test_every_envelope_that_an_older_version_has_written_is_read(
    raw: Any, namespace: str, backend: RedisStateBackend, golden: dict[str, Any]
) -> None:
    page = layout.place(namespace, TASK)
    raw.hset(page.page, page.field("key"), bytes.fromhex(golden["bytes"]))
    is_over = 0 < golden["expires_at"] < time.time_ns() // 1000
    assert backend.get(TASK, "key") == (None if is_over else golden["text"])
    backend.delete(TASK, "key")


async def test_what_the_older_writes_the_newer_reads(
    older: OlderVersion, methods: Methods, scope: StateScope
) -> None:
    deadline, microseconds = ahead(LATER)
    for key in AWKWARD:
        older.set(scope, key, f'"{key}"')
    older.set(scope, "lease", '"for an hour"', microseconds)
    assert await methods.get_many(scope, AWKWARD) == {key: f'"{key}"' for key in AWKWARD}
    entries = await methods.entries(scope)
    assert entries.keys() == {*AWKWARD, "lease"}
    assert entries["lease"].expires_at == deadline
    assert entries["cursor"].expires_at is None


async def test_what_the_newer_writes_the_older_reads(
    older: OlderVersion, methods: Methods, scope: StateScope
) -> None:
    await methods.set_many(scope, {key: f'"{key}"' for key in AWKWARD})
    await methods.set(scope, "lease", '"for an hour"', expires_at=ahead(LATER)[0])
    assert {key: older.get(scope, key) for key in AWKWARD} == {key: f'"{key}"' for key in AWKWARD}
    assert older.entries(scope).keys() == {*AWKWARD, "lease"}


async def test_each_writes_over_and_removes_what_the_other_wrote(
    older: OlderVersion, methods: Methods, scope: StateScope
) -> None:
    await methods.set_many(scope, {"a": "new", "b": "new"})
    older.set(scope, "a", "old")
    older.delete(scope, "b")
    assert await methods.get_many(scope, ["a", "b"]) == {"a": "old"}
    await methods.set(scope, "a", "newer")
    assert older.get(scope, "a") == "newer"
    older.set(scope, "c", "old")
    await methods.delete(scope, "c")
    assert older.entries(scope) == {"a": "newer"}
    older.clear(scope)
    assert await methods.entries(scope) == {}
    older.set(scope, "d", "old")
    await methods.clear(scope)
    assert older.entries(scope) == {}


async def test_a_deadline_of_either_ends_the_value_for_both(
    older: OlderVersion, methods: Methods, scope: StateScope
) -> None:
    older.set(scope, "by the older", "1", ahead(SOON)[1])
    await methods.set(scope, "by the newer", "1", expires_at=ahead(SOON)[0])
    older.set(scope, "stays, older", "1")
    await methods.set(scope, "stays, newer", "1")
    await pass_(SOON)
    remaining = {"stays, older", "stays, newer"}
    assert older.entries(scope).keys() == (await methods.entries(scope)).keys() == remaining
    assert older.get(scope, "by the newer") is None
    assert await methods.get(scope, "by the older") is None


async def test_the_deadlines_of_both_hold_on_a_page_that_map_indices_share(
    older: OlderVersion, methods: Methods
) -> None:
    older.set(MAPPED, "key", "1", ahead(SOON)[1])
    await methods.set(ITS_NEIGHBOUR, "key", "2", expires_at=ahead(LATER)[0])
    older.set(ITS_NEIGHBOUR, "other", "3", ahead(LATER)[1])
    await methods.set(MAPPED, "other", "4", expires_at=ahead(SOON)[0])
    await pass_(SOON)
    assert older.entries(MAPPED) == {}
    assert await methods.entries(MAPPED) == {}
    assert older.entries(ITS_NEIGHBOUR) == {"key": "2", "other": "3"}


async def test_runs_of_the_same_id_are_told_apart_by_both(
    older: OlderVersion, methods: Methods
) -> None:
    older.set(TASK, "key", "1", incarnation=41)
    assert older.get(TASK, "key", incarnation=42) is None
    assert older.get(TASK, "key", incarnation=41) == await methods.get(TASK, "key") == "1"


OPTIONS: dict[str, dict[str, Any]] = {
    "compressed": {"compression_threshold": 1},
    "encrypted": {"encryption": "own"},
    "both": {"encryption": "own", "compression_threshold": 1},
}


@pytest.fixture(params=OPTIONS)
def newer(request: pytest.FixtureRequest, make_backend: Any) -> RedisStateBackend:
    """Give a backend that writes what the older version does not know."""
    options = dict(OPTIONS[request.param])
    if "encryption" in options:
        options["encryption_keys"] = base64.urlsafe_b64encode(os.urandom(32)).decode()
    made: RedisStateBackend = make_backend(**options)
    return made


async def test_what_the_older_cannot_read_is_an_error_to_it_and_never_another_value(
    older: OlderVersion, newer: RedisStateBackend, scope: StateScope
) -> None:
    text = json.dumps({"pages": [7] * 100})
    newer.set(scope, "cursor", text)
    with pytest.raises(UnreadableError, match="upgrade redis-state"):
        older.get(scope, "cursor")
    with pytest.raises(UnreadableError, match="upgrade redis-state"):
        older.entries(scope)
    older.set(scope, "plain", "1")
    assert newer.get_many(scope, ["cursor", "plain"]) == {"cursor": text, "plain": "1"}


async def test_what_the_older_cannot_read_keeps_its_deadline_beside_its_own(
    older: OlderVersion, newer: RedisStateBackend, scope: StateScope
) -> None:
    newer.set(scope, "short", "1" * 100, expires_at=ahead(SOON)[0])
    newer.set(scope, "long", "1" * 100, expires_at=ahead(LATER)[0])
    older.set(scope, "older", "1", ahead(SOON)[1])
    older.set(scope, "older and longer", "1", ahead(2 * LATER)[1])
    await pass_(SOON)
    older.delete(scope, "older")
    assert newer.entries(scope).keys() == {"long", "older and longer"}
    older.delete(scope, "long")
    older.clear(scope)
    assert newer.entries(scope) == {}


@pytest.mark.parametrize("seed", range(2))
async def test_both_forms_at_once_keep_all_values_and_deadlines(
    raw: Any,
    namespace: str,
    methods: Methods,
    has_field_expiry: bool,
    scope: StateScope,
    seed: int,
) -> None:
    # As while a server is upgraded: who is connected to the new one asks it what it can do.
    fleet = [OlderVersion(raw, namespace, field_form=False)]
    if has_field_expiry:
        fleet.append(OlderVersion(raw, namespace, field_form=True))
    fleet_and_newer: list[OlderVersion | Methods] = [*fleet, methods]
    chance, held = random.Random(seed), dict[str, str]()
    for number in range(40):
        key, text = chance.choice("abcdef"), str(number)
        life = chance.choice([None, None, LATER, 2 * LATER, -LATER])
        deadline, microseconds = (None, 0) if life is None else ahead(life)
        one, is_deletion = chance.choice(fleet_and_newer), chance.random() < 0.2
        if isinstance(one, Methods):
            if is_deletion:
                await one.delete(scope, key)
            else:
                await one.set(scope, key, text, expires_at=deadline)
        elif is_deletion:
            one.delete(scope, key)
        else:
            one.set(scope, key, text, microseconds)
        held.pop(key, None)
        if not is_deletion and life != -LATER:
            held[key] = text
        for older in fleet:
            assert older.entries(scope) == held
        assert {k: e.value for k, e in (await methods.entries(scope)).items()} == held
    # Whoever writes last in the field form leaves each value with a deadline of its own.
    await methods.set(scope, "last", "1")
