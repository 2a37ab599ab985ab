"""When the server fails: one typed error within the budget, in both modes."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import redis
from redis.exceptions import RedisError

from redis_state import (
    CorruptValueError,
    MisconfiguredError,
    OperationTimeoutError,
    RedisStateBackend,
    TaskScope,
    UnavailableError,
)
from redis_state.testing import EmbeddedServer
from tests.matrix import FIELD_FORM, HASH_FORM
from tests.support import peers
from tests.support.budgets import few_attempts
from tests.support.freezing import freeze
from tests.support.methods import MODES, Methods
from tests.support.servers import raw_client, server
from tests.support.waiting import PATIENT

TASK = TaskScope("dag", "run", "task")
# For calls that time out, whatever else happens: several attempts fit into the budget.
HASTY = {"budget": 0.8, "timeout": 0.15, "connect_timeout": 0.15}
SECRET = "hunter2-very-secret"

pytestmark = pytest.mark.timeout(30)

Make = Callable[..., Methods]


@pytest.fixture(params=MODES)
def methods_at(request: pytest.FixtureRequest, fast_lane: bool) -> Make:
    def make(url: str, **options: Any) -> Methods:
        defaults = PATIENT | {"fast_lane": fast_lane}
        return Methods(RedisStateBackend(url=url, **(defaults | options)), request.param)

    return make


def url_of(port: int) -> str:
    return f"redis://127.0.0.1:{port}/0"


async def fails(methods: Methods, error: type[Exception], says: str) -> BaseException:
    """Try a read and a write; both must fail so, or pytest's own timeout ends the test."""
    for attempt in (lambda: methods.get(TASK, "key"), lambda: methods.set(TASK, "key", "1")):
        with few_attempts(), pytest.raises(error, match=says) as caught:
            await attempt()
        assert not isinstance(caught.value, RedisError)
    await methods.backend.aclose()
    methods.backend.close()
    return caught.value


async def test_a_refused_port_is_unavailable_and_named(methods_at: Make) -> None:
    error = await fails(
        methods_at(url_of(1)), UnavailableError, r"Nothing listens at 127\.0\.0\.1:1: start Redis"
    )
    assert not isinstance(error, OperationTimeoutError)
    assert error.__cause__ is not None


async def test_a_missing_socket_is_unavailable_and_named(methods_at: Make) -> None:
    await fails(methods_at("unix:///no/such/socket"), UnavailableError, "/no/such/socket")


async def test_a_host_that_does_not_resolve_is_unavailable(methods_at: Make) -> None:
    await fails(
        methods_at("redis://no-such-host.invalid"), UnavailableError, "no-such-host.invalid"
    )


async def test_a_mute_server_is_a_timeout_and_named(methods_at: Make) -> None:
    with peers.listener(peers.mute) as port:
        methods = methods_at(url_of(port), **HASTY)
        error = await fails(methods, OperationTimeoutError, "did not answer within")
    assert isinstance(error, TimeoutError)


async def test_a_trickling_server_does_not_stretch_the_budget(methods_at: Make) -> None:
    with peers.listener(peers.trickle) as port:
        methods = methods_at(url_of(port), **HASTY)
        await fails(methods, OperationTimeoutError, "did not answer within")


async def test_a_server_that_trickles_while_logging_in_does_not_either(methods_at: Make) -> None:
    with peers.listener(peers.trickle) as port:
        methods = methods_at(url_of(port), password=SECRET, **HASTY)
        await fails(methods, OperationTimeoutError, "did not answer within")


async def test_a_server_that_hangs_up_is_unavailable(methods_at: Make) -> None:
    with peers.listener(peers.hang_up) as port:
        await fails(
            methods_at(url_of(port)), UnavailableError, "could not be used within the budget"
        )


async def test_a_server_that_hangs_up_after_the_login_is_unavailable(methods_at: Make) -> None:
    with server(FIELD_FORM) as running, peers.cutting_proxy(running.port, 2) as port:
        error = await fails(methods_at(url_of(port)), UnavailableError, "could not be used")
    assert not isinstance(error, OperationTimeoutError)


async def test_a_server_that_speaks_something_else_is_unavailable(methods_at: Make) -> None:
    with peers.listener(peers.answer(b"HTTP/1.1 400 Bad Request\r\n\r\n")) as port:
        await fails(methods_at(url_of(port)), UnavailableError, "could not be used")


@pytest.mark.parametrize(
    ("reply", "error", "says"),
    [
        ("LOADING Redis is loading", UnavailableError, "within the budget.*LOADING"),
        ("READONLY You can't write", MisconfiguredError, "is a replica.*READONLY"),
        ("OOM command not allowed", UnavailableError, "raise it, or delete"),
        ("MISCONF Redis is configured to save", UnavailableError, "cannot save"),
        ("NOAUTH Authentication required.", MisconfiguredError, "set .redis_state. password"),
        ("NOPERM no permissions", MisconfiguredError, "lacks a right"),
        ("MOVED 1 127.0.0.1:7001", MisconfiguredError, r"redis\+cluster://"),
        ("ERR unknown command 'HGET'", MisconfiguredError, "lacks a command"),
        ("WRONGTYPE Operation against", CorruptValueError, "a namespace of its own"),
        ("ERR something else", UnavailableError, "refused the operation: ERR something"),
    ],
)
async def test_what_the_server_refuses_is_told_with_a_remedy(
    methods_at: Make, reply: str, error: type[Exception], says: str
) -> None:
    with peers.listener(peers.answer(f"-{reply}\r\n".encode())) as port:
        await fails_once(methods_at(url_of(port)), error, says)


async def fails_once(methods: Methods, error: type[Exception], says: str) -> None:
    with few_attempts(), pytest.raises(error, match=says) as caught:
        await methods.get(TASK, "key")
    assert caught.value.__cause__ is not None
    await methods.backend.aclose()
    methods.backend.close()


async def test_a_user_who_may_not_ask_is_served_in_the_form_that_all_have(methods_at: Make) -> None:
    with server(FIELD_FORM) as running:
        raw = raw_client(running)
        raw.execute_command(
            "ACL", "SETUSER", "airflow", "on", f">{SECRET}", "~airflow:*", "+@all", "-command"
        )
        methods = methods_at(running.url, username="airflow", password=SECRET)
        await methods.set(TASK, "key", "1")
        assert await methods.get(TASK, "key") == "1"
        assert raw.hkeys("airflow:t:{dag/run/task}:-1") == [b"key"]
        await close(methods, raw)


async def test_credentials_open_the_door_and_wrong_ones_are_told_so(methods_at: Make) -> None:
    with server(FIELD_FORM, "--requirepass", SECRET) as running:
        right = methods_at(running.url, password=SECRET)
        await right.set(TASK, "key", "1")
        assert await right.get(TASK, "key") == "1"
        await close(right)
        without = methods_at(running.url)
        with pytest.raises(MisconfiguredError, match="asks for a password"):
            await without.get(TASK, "key")
        await close(without)
        wrong = methods_at(running.tcp_url, username="airflow", password=f"not {SECRET}")
        with pytest.raises(MisconfiguredError, match="refused the user or password") as caught:
            await wrong.get(TASK, "key")
        assert SECRET not in chain(caught.value)


async def test_a_password_that_no_one_asked_for_is_told_so(methods_at: Make) -> None:
    with server(FIELD_FORM) as running:
        methods = methods_at(running.url, password=SECRET)
        with pytest.raises(MisconfiguredError, match="asks for no password") as caught:
            await methods.get(TASK, "key")
        assert SECRET not in chain(caught.value)


async def test_a_database_beyond_the_last_is_told(methods_at: Make) -> None:
    with (
        server(FIELD_FORM) as running,
        pytest.raises(MisconfiguredError, match="no database of that number"),
    ):
        await methods_at(f"redis://127.0.0.1:{running.port}/99").get(TASK, "key")


async def test_a_replica_s_refusal_is_tried_again_until_the_budget_ends(
    methods_at: Make, server_name: str
) -> None:
    with server(server_name, "--replicaof", "127.0.0.1", "1") as replica:
        methods = methods_at(replica.url)
        refused = pytest.raises(MisconfiguredError, match="is a replica.*(READONLY|MASTERDOWN)")
        with few_attempts(), refused:
            await methods.set(TASK, "key", "1", expires_at=datetime.now(UTC) + timedelta(hours=1))
        await close(methods)


async def test_a_full_server_is_told_with_a_remedy(methods_at: Make, server_name: str) -> None:
    with server(server_name, "--maxmemory", "1") as full:
        methods = methods_at(full.url)
        with pytest.raises(UnavailableError, match="at its maxmemory"):
            await methods.set(TASK, "key", "1", expires_at=datetime.now(UTC) + timedelta(hours=1))
        assert await methods.get(TASK, "key") is None
        await close(methods)


async def test_a_foreign_value_is_an_error_that_names_the_key(
    methods: Methods, raw: redis.Redis, namespace: str
) -> None:
    page = f"{namespace}:t:{{dag/run/task}}:-1"
    raw.hset(page, "key", "not ours, not ours, not ours")
    with pytest.raises(CorruptValueError, match=r"'key' of '.*\{dag/run/task\}:-1' holds bytes"):
        await methods.get(TASK, "key")
    with pytest.raises(CorruptValueError, match="'key'"):
        await methods.entries(TASK)
    await methods.set(TASK, "other", "1")
    assert await methods.get(TASK, "other") == "1"
    raw.unlink(page)


async def test_a_key_of_another_type_is_an_error_with_a_remedy(
    methods: Methods, raw: redis.Redis, namespace: str
) -> None:
    page = f"{namespace}:t:{{dag/run/task}}:-1"
    raw.set(page, "a string")
    with pytest.raises(CorruptValueError, match="a namespace of its own"):
        await methods.get(TASK, "key")
    with pytest.raises(CorruptValueError, match="a namespace of its own"):
        await methods.set(TASK, "key", "1")
    assert raw.get(page) == b"a string"
    raw.unlink(page)


async def test_an_error_of_a_value_keeps_its_connection(
    methods: Methods, raw: redis.Redis, namespace: str
) -> None:
    page = f"{namespace}:t:{{dag/run/task}}:-1"
    raw.hset(page, "key", "not ours, not ours, not ours")
    await methods.set(TASK, "other", "1")
    before = connections_received(raw)
    for _ in range(5):
        with pytest.raises(CorruptValueError):
            await methods.get(TASK, "key")
    assert connections_received(raw) == before
    raw.unlink(page)


async def test_a_restarted_server_is_found_again(methods_at: Make) -> None:
    with server(FIELD_FORM) as running:
        methods = methods_at(running.tcp_url)
        await methods.set(TASK, "key", "1")
        running.kill()
        running.start()
        assert await methods.get(TASK, "key") is None
        await methods.set(TASK, "key", "2")
        assert await methods.get(TASK, "key") == "2"
        await close(methods)


async def test_connections_that_the_server_closed_cost_no_call(
    methods: Methods, raw: redis.Redis
) -> None:
    for turn in range(5):
        await methods.set(TASK, "key", str(turn))
        raw.execute_command("CLIENT KILL TYPE normal SKIPME yes")
        assert await methods.get(TASK, "key") == str(turn)


async def test_a_frozen_server_is_a_timeout_and_usable_when_it_wakes(methods_at: Make) -> None:
    with server(FIELD_FORM) as running:
        methods = methods_at(running.url, timeout=0.5)
        await methods.set(TASK, "key", "1")
        freeze(running)
        with few_attempts(), pytest.raises(OperationTimeoutError):
            await methods.get(TASK, "key")
        running.resume()
        assert await methods.get(TASK, "key") == "1"
        await close(methods)


async def test_what_the_server_can_do_is_asked_of_each_connection(
    methods: Methods, raw: redis.Redis
) -> None:
    await methods.set(TASK, "key", "1")
    for _ in range(3):
        asked, opened = calls_of(raw, "command"), connections_received(raw)
        raw.execute_command("CLIENT KILL TYPE normal SKIPME yes")
        for _ in range(3):
            assert await methods.get(TASK, "key") == "1"
        assert connections_received(raw) > opened
        assert calls_of(raw, "command") - asked == connections_received(raw) - opened


@pytest.mark.skipif(HASH_FORM is None, reason="the older servers are for Linux on x86-64 only")
async def test_an_upgraded_server_is_noticed(methods_at: Make) -> None:
    assert HASH_FORM is not None
    deadline = datetime.now(UTC) + timedelta(hours=1)
    with server(HASH_FORM) as old:
        methods = methods_at(old.tcp_url)
        await methods.set(TASK, "key", "1", expires_at=deadline)
        port = old.port
    new = server(FIELD_FORM)
    new.port = port
    with new:
        await methods.set(TASK, "key", "1", expires_at=deadline)
        raw = raw_client(new)
        (ttl,) = raw.execute_command("HPTTL", "airflow:t:{dag/run/task}:-1", "FIELDS", 1, "key")
        assert ttl > 0
        await close(methods, raw)


async def close(methods: Methods, *clients: redis.Redis) -> None:
    await methods.backend.aclose()
    methods.backend.close()
    for client in clients:
        client.close()


def chain(error: BaseException | None) -> str:
    shown = ""
    while error is not None:
        shown += f"{error!s} {error!r} "
        error = error.__cause__ or error.__context__
    return shown


def calls_of(raw: redis.Redis, command: str) -> int:
    statistics: Any = raw.info("commandstats")
    names = [name for name in statistics if name.split("|")[0] == f"cmdstat_{command}"]
    return sum(int(statistics[name]["calls"]) for name in names)


def connections_received(raw: redis.Redis) -> int:
    statistics: Any = raw.info("stats")
    return int(statistics["total_connections_received"])


def test_an_embedded_server_is_named_in_errors_by_its_socket() -> None:
    with EmbeddedServer() as running:
        backend = RedisStateBackend(url=running.url)
        assert str(running.socket_path) in repr(backend)
