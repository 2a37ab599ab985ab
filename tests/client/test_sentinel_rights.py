"""The rights at sentinels that the documentation gives are those that are needed there."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from redis_state import RedisStateBackend, TaskScope, UnavailableError
from redis_state.admin.health import Finding
from tests.support.budgets import few_attempts
from tests.support.methods import MODES, Methods
from tests.support.replicated import SentinelTrio
from tests.support.rights import PASSWORD, documented
from tests.support.topologies import Deployments

TASK = TaskScope("dag", "run", "task")
USER = "airflow-sentinel"
MASTER, QUORUM = "+sentinel|get-master-addr-by-name", "+sentinel|ckquorum"
PATIENT: dict[str, Any] = {"budget": 20.0, "timeout": 10.0, "connect_timeout": 10.0}
# Questions whose answers nobody needs of a sentinel.
MAY_BE_REFUSED = {"client|setinfo", "client|info", "command|info"}


@pytest.fixture(params=MODES)
def mode(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def trio(servers: Deployments) -> Iterator[SentinelTrio]:
    trio: SentinelTrio = servers["valkey91-sentinel"]
    may(trio, documented(USER))
    yield trio
    tell(trio, "DELUSER", USER)


def tell(trio: SentinelTrio, *command: str) -> None:
    for sentinel in trio.sentinels:
        sentinel.ask("ACL", *command)


def may(trio: SentinelTrio, rules: list[str]) -> None:
    told = [f">{PASSWORD}" if rule == ">password" else rule for rule in rules]
    tell(trio, "SETUSER", USER, "reset", *told)
    tell(trio, "LOG", "RESET")


def refused(trio: SentinelTrio) -> set[str]:
    entries = [entry for each in trio.sentinels for entry in each.ask("ACL", "LOG")]
    pairs = [dict(zip(entry[::2], entry[1::2], strict=True)) for entry in entries]
    return {pair["object"] for pair in pairs if pair["username"] == USER}


def obey(trio: SentinelTrio, finding: Finding) -> None:
    line = finding.remedy.partition("ACL SETUSER ")[2].partition(" lets it")[0]
    tell(trio, "SETUSER", *line.split())


async def use(trio: SentinelTrio, mode: str, **options: Any) -> list[Finding]:
    """Find the master, and look at the health; return what it says of the sentinels."""
    login = {"sentinel_username": USER, "sentinel_password": PASSWORD}
    backend = RedisStateBackend(url=trio.url, **(PATIENT | login | options))
    try:
        await Methods(backend, mode).set(TASK, "key", "1")
        health = await backend.ahealth() if mode == "async" else backend.health()
        await Methods(backend, mode).clear(TASK)
        return [each for each in health.findings if each.name == "sentinel"]
    finally:
        await backend.aclose()
        backend.close()


async def test_the_documented_rights_are_enough(trio: SentinelTrio, mode: str) -> None:
    findings = await use(trio, mode)
    assert [each.verdict for each in findings] == ["ok"] * 3
    assert refused(trio) <= MAY_BE_REFUSED


async def test_no_more_than_these_is_granted() -> None:
    assert [rule for rule in documented(USER) if rule[0] in "+~"] == [MASTER, QUORUM]


async def test_without_the_first_the_master_is_not_found(trio: SentinelTrio, mode: str) -> None:
    may(trio, [rule for rule in documented(USER) if rule != MASTER])
    with few_attempts(), pytest.raises(UnavailableError, match="get-master-addr-by-name"):
        await use(trio, mode)
    assert MASTER[1:] in refused(trio)


async def test_without_the_second_the_health_check_says_what_to_grant(
    trio: SentinelTrio, mode: str
) -> None:
    may(trio, [rule for rule in documented(USER) if rule != QUORUM])
    findings = await use(trio, mode)
    assert [each.verdict for each in findings] == ["unknown"] * 3
    obey(trio, findings[0])
    assert [each.verdict for each in await use(trio, mode)] == ["ok"] * 3


async def test_the_health_check_says_what_finds_the_master(trio: SentinelTrio, mode: str) -> None:
    may(trio, ["on", ">password"])
    backend = RedisStateBackend(
        url=trio.url,
        sentinel_username=USER,
        sentinel_password=PASSWORD,
        **PATIENT,
    )
    health = await backend.ahealth() if mode == "async" else backend.health()
    await backend.aclose()
    backend.close()
    obey(trio, next(each for each in health.findings if each.name == "sentinel"))
    assert [each.verdict for each in await use(trio, mode)] == ["ok"] * 3
