"""The field form: each field carries its own deadline, also on pages from before an upgrade."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import redis

from redis_state import RedisStateBackend, TaskScope
from redis_state.format.layout import SUMMARY
from redis_state.operations.operation import Capabilities
from tests.matrix import FIELD_EXPIRY, SERVERS
from tests.support.inside import node_of
from tests.support.lapsing import lapse
from tests.support.waiting import pass_by, wait_for

TASK = TaskScope("dag", "run", "task")
HOUR = timedelta(hours=1)
SHORT = timedelta(milliseconds=300)

# A server that has HPEXPIREAT and not HSETEX, as Redis 7.4 is, takes the script for each deadline.
HSETEX = Capabilities(field_expiry=True, hsetex=True)
HPEXPIREAT_ONLY = Capabilities(field_expiry=True, hsetex=False)
HASH_FORM = Capabilities(field_expiry=False, hsetex=False)


@pytest.fixture(params=[name for name in FIELD_EXPIRY if name in SERVERS])
def server_name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def page(namespace: str) -> str:
    return f"{namespace}:t:{{dag/run/task}}:-1"


@pytest.fixture(params=[HSETEX, HPEXPIREAT_ONLY], ids=["hsetex", "hpexpireat-only"])
def backend(
    request: pytest.FixtureRequest, make_backend: Callable[..., RedisStateBackend]
) -> RedisStateBackend:
    backend = make_backend()
    return believing(request.param, backend)


@pytest.fixture
def before_upgrade(make_backend: Callable[..., RedisStateBackend]) -> RedisStateBackend:
    """Give a backend that writes as it did when the server could not expire fields."""
    backend = make_backend()
    return believing(HASH_FORM, backend)


def believing(capabilities: Capabilities, backend: RedisStateBackend) -> RedisStateBackend:
    """Let a backend believe that this is what its server can do."""
    node = node_of(backend)
    exchange = node._exchange

    def believe(way: Any, *args: Any, **options: Any) -> Any:
        way.capabilities = capabilities
        return exchange(way, *args, **options)

    node._exchange = believe  # type: ignore[method-assign]
    return backend


def in_(delta: timedelta) -> datetime:
    return datetime.now(UTC) + delta


def field_ttl(raw: redis.Redis, page: str, field: str) -> int:
    (ttl,) = raw.execute_command("HPTTL", page, "FIELDS", 1, field)
    return int(ttl)


def test_the_form_is_chosen_by_asking_the_server(
    make_backend: Callable[..., RedisStateBackend],
) -> None:
    backend = make_backend(fast_lane=False)
    backend.get(TASK, "a")
    (link,) = node_of(backend)._idle
    assert link.capabilities == HSETEX


def test_each_field_has_its_own_deadline(
    backend: RedisStateBackend, raw: redis.Redis, page: str
) -> None:
    backend.set(TASK, "a", "1", expires_at=in_(HOUR))
    backend.set(TASK, "b", "1", expires_at=in_(2 * HOUR))
    backend.set(TASK, "c", "1")
    assert abs(field_ttl(raw, page, "a") - 3_600_000) < 10_000
    assert abs(field_ttl(raw, page, "b") - 7_200_000) < 10_000
    assert field_ttl(raw, page, "c") == -1
    assert raw.pttl(page) == -1


def test_overwriting_takes_and_drops_the_deadline(
    backend: RedisStateBackend, raw: redis.Redis, page: str
) -> None:
    backend.set(TASK, "a", "1", expires_at=in_(HOUR))
    backend.set(TASK, "a", "2")
    assert field_ttl(raw, page, "a") == -1
    backend.set(TASK, "a", "3", expires_at=in_(HOUR))
    assert field_ttl(raw, page, "a") > 0


def test_a_lapsed_field_is_gone_by_itself(
    backend: RedisStateBackend, raw: redis.Redis, page: str
) -> None:
    backend.set(TASK, "a", "1", expires_at=in_(SHORT))
    backend.set(TASK, "b", "1")
    wait_for(lambda: raw.hlen(page) == 1)
    assert raw.hkeys(page) == [b"b"]


def test_an_unmapped_write_is_one_command_and_a_question(
    make_backend: Callable[..., RedisStateBackend], raw: redis.Redis
) -> None:
    backend = make_backend()
    backend.set(TASK, "a", "1")
    before = calls(raw)
    backend.set(TASK, "a", "1", expires_at=in_(HOUR))
    backend.set(TaskScope("dag", "run", "task", 7), "a", "1", expires_at=in_(HOUR))
    after = calls(raw)
    assert after["hsetex"] - before.get("hsetex", 0) == 2
    assert after.get("evalsha") == before.get("evalsha")


@pytest.mark.parametrize("method", ["set", "set permanent", "delete", "clear"])
def test_a_page_from_before_an_upgrade_is_adopted_by_the_next_write(
    backend: RedisStateBackend,
    before_upgrade: RedisStateBackend,
    raw: redis.Redis,
    namespace: str,
    method: str,
) -> None:
    task, sibling = TaskScope("dag", "run", "task", 2), TaskScope("dag", "run", "task", 130)
    page = f"{namespace}:t:{{dag/run/task}}:2"
    before_upgrade.set(sibling, "soon", "1", expires_at=in_(HOUR))
    before_upgrade.set(task, "mine", "1", expires_at=in_(2 * HOUR))
    assert raw.pttl(page) > 0
    if method.startswith("set"):
        ends = in_(3 * HOUR) if method == "set" else None
        backend.set(task, "mine", "2", expires_at=ends)
    elif method == "delete":
        backend.delete(task, "mine")
    else:
        backend.clear(task)
    assert raw.pttl(page) == -1
    assert raw.hexists(page, SUMMARY) is False
    assert abs(field_ttl(raw, page, "130:soon") - 3_600_000) < 10_000
    assert backend.get(sibling, "soon") == "1"
    assert backend.get(task, "mine") == ("2" if method.startswith("set") else None)


def test_values_from_before_an_upgrade_are_read_as_they_are(
    backend: RedisStateBackend, before_upgrade: RedisStateBackend, raw: redis.Redis, page: str
) -> None:
    before_upgrade.set(TASK, "permanent", "1")
    before_upgrade.set(TASK, "short", "1", expires_at=in_(HOUR))
    assert set(backend.entries(TASK)) == {"permanent", "short"}
    lapse(raw, page, "short")
    assert set(backend.entries(TASK)) == {"permanent"}
    backend.set(TASK, "permanent", "2")


def test_deleting_the_last_value_of_an_old_page_leaves_nothing(
    backend: RedisStateBackend, before_upgrade: RedisStateBackend, raw: redis.Redis, page: str
) -> None:
    before_upgrade.set(TASK, "permanent", "1")
    before_upgrade.set(TASK, "expiring", "1", expires_at=in_(HOUR))
    backend.delete(TASK, "permanent")
    backend.delete(TASK, "expiring")
    assert raw.exists(page) == 0


def test_a_process_that_asked_before_the_upgrade_loses_nothing(
    backend: RedisStateBackend, before_upgrade: RedisStateBackend
) -> None:
    backend.set(TASK, "a", "1", expires_at=in_(HOUR))
    before_upgrade.set(TASK, "b", "1", expires_at=(deadline := in_(SHORT)))
    before_upgrade.set(TASK, "c", "1")
    pass_by(deadline)
    assert set(backend.entries(TASK)) == {"a", "c"}
    backend.set(TASK, "d", "1")


def calls(raw: redis.Redis) -> dict[str, int]:
    statistics: Any = raw.info("commandstats")
    return {
        name.removeprefix("cmdstat_"): int(figures["calls"]) for name, figures in statistics.items()
    }
