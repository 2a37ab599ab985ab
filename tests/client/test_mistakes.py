"""What an operator got wrong is told so, by the first characters of an error and by the health."""

from __future__ import annotations

import pytest

from redis_state import RedisStateBackend, UnavailableError
from tests.matrix import FIELD_FORM
from tests.support.budgets import few_attempts
from tests.support.methods import MODES, Methods
from tests.support.mistakes import MISTAKES, OPTIONS, PAGE, SHOWN, TASK
from tests.support.servers import raw_client, server


@pytest.fixture(params=MODES)
def mode(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.mark.parametrize("name", MISTAKES)
async def test_a_mistake_is_told_with_its_remedy_before_a_message_is_cut(
    name: str, mode: str
) -> None:
    mistake = MISTAKES[name]
    with mistake.made() as url:
        methods = Methods(RedisStateBackend(url=url, **OPTIONS), mode)
        with few_attempts(), pytest.raises(mistake.error) as caught:
            await methods.set(TASK, "key", "1")
        health = await methods.look()
        await methods.backend.aclose()
        methods.backend.close()
    shown = str(caught.value)[:SHOWN]
    assert mistake.says in shown
    assert mistake.remedy in shown
    assert type(caught.value) is mistake.error
    if mistake.finding:
        (found,) = [
            each
            for each in health.findings
            if (each.name, each.verdict) == (mistake.finding, "failure")
        ]
        assert (mistake.found or mistake.says) in found.found
        if not mistake.found:
            assert mistake.remedy.strip().lower() in found.remedy.lower()


async def test_a_redis_key_of_another_type_is_named(mode: str) -> None:
    with MISTAKES["a key of another type"].made() as url:
        methods = Methods(RedisStateBackend(url=url, **OPTIONS), mode)
        with pytest.raises(MISTAKES["a key of another type"].error, match="delete it") as caught:
            await methods.get(TASK, "key")
        assert str(caught.value).startswith(f"{PAGE!r} is not redis-state's: ")
        assert "127.0.0.1:" in str(caught.value)
        await methods.backend.aclose()
        methods.backend.close()


async def test_a_server_that_has_taken_writes_before_is_in_a_failover(mode: str) -> None:
    with server(FIELD_FORM) as running, raw_client(running) as raw:
        methods = Methods(RedisStateBackend(url=running.tcp_url, **OPTIONS), mode)
        await methods.set(TASK, "key", "1")
        raw.execute_command("REPLICAOF", "127.0.0.1", "1")
        with few_attempts(), pytest.raises(UnavailableError, match="A failover may be under way"):
            await methods.set(TASK, "key", "2")
        raw.execute_command("REPLICAOF", "NO", "ONE")
        await methods.set(TASK, "key", "3")
        assert await methods.get(TASK, "key") == "3"
        await methods.backend.aclose()
        methods.backend.close()
