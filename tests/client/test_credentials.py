"""Credentials: who logs in, passwords that rotate under way, and secrets that nobody sees."""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import redis

from examples.rotating_credentials import Token, TokenProvider, fetch_from
from redis_state import (
    MisconfiguredError,
    RedisStateBackend,
    StateStoreError,
    TaskScope,
    UnavailableError,
)
from redis_state.client.io import credentials
from redis_state.config.settings import load
from tests.client.providers import SECRET, Told
from tests.client.token_service import RIGHTS, token_service
from tests.client.waiting import PATIENCE, reached
from tests.support.budgets import few_attempts
from tests.support.methods import MODES, Methods

TASK = TaskScope("dag", "run", "task")
HERE = "tests.client.providers"
USER = "rotating-user"


@pytest.fixture(params=MODES)
def mode(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(autouse=True)
def told() -> Iterator[type[Told]]:
    """Give the provider that says what the test tells it; each test begins without any."""
    credentials._provider.cache_clear()
    Told.answer, Told.fails, Told.made, Told.threads = (USER, SECRET), None, 0, set()
    yield Told
    credentials._provider.cache_clear()


@pytest.fixture
def user(raw: redis.Redis) -> Iterator[str]:
    raw.execute_command("ACL", "SETUSER", USER, "reset", *RIGHTS, f">{SECRET}")
    yield USER
    raw.execute_command("ACL", "DELUSER", USER)


Make = Callable[..., Methods]


@pytest.fixture
def methods_with(make_backend: Callable[..., RedisStateBackend], mode: str) -> Make:
    return lambda **options: Methods(make_backend(**options), mode)


def logins(raw: redis.Redis) -> int:
    statistics: Any = raw.info("commandstats")
    return int(statistics.get("cmdstat_auth", {}).get("calls", 0))


def connections(raw: redis.Redis, user: str) -> list[str]:
    clients: Any = raw.client_list()
    return [each["id"] for each in clients if each["user"] == user]


def everything_of(error: BaseException | None) -> str:
    told, seen = "", list[BaseException]()
    while error is not None and error not in seen:
        seen.append(error)
        told += f"{error!s} {error!r} "
        error = error.__cause__ or error.__context__
    return told


@pytest.mark.parametrize("name", ["Told", "ToldOfLoops", "INSTANCE", "function"])
@pytest.mark.parametrize("separator", [".", ":"])
async def test_a_provider_says_who_logs_in(
    name: str, separator: str, user: str, methods_with: Make, raw: redis.Redis
) -> None:
    methods = methods_with(credential_provider=f"{HERE}{separator}{name}")
    await methods.set(TASK, "key", "1")
    assert await methods.get(TASK, "key") == "1"
    assert connections(raw, user)
    await methods.backend.aclose()


async def test_a_provider_may_give_the_password_of_the_default_user(
    methods_with: Make, told: type[Told], raw: redis.Redis
) -> None:
    told.answer = (SECRET,)
    raw.execute_command("ACL", "SETUSER", "default", f">{SECRET}")
    try:
        assert await methods_with(credential_provider=f"{HERE}.Told").get(TASK, "key") is None
    finally:
        raw.execute_command("ACL", "SETUSER", "default", "nopass")


async def test_one_provider_serves_all_connections_and_backends(
    user: str, methods_with: Make, told: type[Told]
) -> None:
    for _ in range(3):
        await methods_with(credential_provider=f"{HERE}.Told").get(TASK, "key")
    assert told.made == 1


@pytest.mark.parametrize(("name", "in_the_loop"), [("Told", False), ("ToldOfLoops", True)])
async def test_a_loop_waits_for_no_provider_but_one_made_for_loops(
    name: str, in_the_loop: bool, told: type[Told]
) -> None:
    await credentials.provided(f"{HERE}.{name}").get_credentials_async()
    assert (threading.get_ident() in told.threads) is in_the_loop


@pytest.mark.parametrize(
    ("path", "says"),
    [
        ("Told", "write it as package.module.Name"),
        (f"{HERE}.", "write it as package.module.Name"),
        ("no_such_package.Told", "cannot be imported (ModuleNotFoundError)"),
        (f"{HERE}.Missing", "cannot be imported (AttributeError)"),
        (f"{HERE}.NeedsArguments", "NeedsArguments() failed (TypeError)"),
        (f"{HERE}.CannotBeMade", "CannotBeMade() failed (RuntimeError)"),
        (f"{HERE}.NOTHING", "is no redis.CredentialProvider"),
        (f"{HERE}.SECRET", "is no redis.CredentialProvider"),
        (f"{HERE}.Stranger", "is no redis.CredentialProvider"),
        (f"{HERE}.function_of_a_stranger", "is no redis.CredentialProvider"),
    ],
)
async def test_a_provider_that_cannot_be_had_is_told_at_first_use(
    path: str, says: str, methods_with: Make
) -> None:
    methods = methods_with(credential_provider=path)
    with pytest.raises(MisconfiguredError) as caught:
        await methods.get(TASK, "key")
    assert str(caught.value).startswith("[redis_state] credential_provider: ")
    assert says in str(caught.value)
    assert SECRET not in everything_of(caught.value)


@pytest.mark.parametrize("name", ["Told", "ToldOfLoops"])
async def test_a_provider_that_fails_is_told_without_its_message(
    name: str, user: str, methods_with: Make, told: type[Told], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    told.fails = LookupError(f"the vault said {SECRET}")
    methods = methods_with(credential_provider=f"{HERE}.{name}")
    with few_attempts(), pytest.raises(UnavailableError) as caught:
        await methods.get(TASK, "key")
    assert f"the credential provider {HERE}.{name} failed (LookupError)" in str(caught.value)
    assert SECRET not in everything_of(caught.value) + caplog.text + repr(vars(methods.backend))


async def test_a_provider_that_has_recovered_is_asked_again(
    user: str, methods_with: Make, told: type[Told]
) -> None:
    methods = methods_with(credential_provider=f"{HERE}.Told")
    told.fails = OSError("no network")
    with few_attempts(), pytest.raises(UnavailableError):
        await methods.get(TASK, "key")
    told.fails = None
    assert await methods.get(TASK, "key") is None


@pytest.mark.parametrize("answer", [None, (), "password", (1, 2), ("a", "b", "c"), [USER, SECRET]])
async def test_a_provider_that_says_something_else_is_told_what_to_say(
    answer: object, user: str, methods_with: Make, told: type[Told]
) -> None:
    told.answer = answer
    with pytest.raises(MisconfiguredError, match=r"something else than \(password,\) or \(user"):
        await methods_with(credential_provider=f"{HERE}.Told").get(TASK, "key")


@pytest.mark.parametrize("shown", [repr, str])
def test_no_repr_shows_a_password(shown: Callable[[object], str], told: type[Told]) -> None:
    for who in (credentials.provided(f"{HERE}.Told"), credentials.Configured(USER, None)):
        assert SECRET not in shown(who)
    settings = load(password=SECRET)
    configured = credentials.Configured(None, settings.credentials[1])
    assert configured.get_credentials() == (SECRET,)
    assert SECRET not in shown(configured) + shown(vars(configured))


async def test_a_wrong_password_shows_nowhere(
    user: str, methods_with: Make, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    methods = methods_with(username=user, password=f"not-{SECRET}")
    with pytest.raises(MisconfiguredError) as caught:
        await methods.get(TASK, "key")
    assert "WRONGPASS" in str(caught.value)
    assert SECRET not in everything_of(caught.value) + caplog.text + repr(vars(methods.backend))


async def test_a_user_without_a_password_logs_in(
    user: str, methods_with: Make, raw: redis.Redis
) -> None:
    raw.execute_command("ACL", "SETUSER", user, "nopass")
    await methods_with(username=user).get(TASK, "key")
    assert connections(raw, user)


async def keep_calling(
    methods: Methods, enough: Callable[[], bool], callers: int = 4
) -> tuple[int, list[Any]]:
    """Set and get until it is enough from several callers, and tell how often, and what failed."""
    ends, failed, made = time.monotonic() + 2 * PATIENCE, list[StateStoreError](), 0

    async def call(key: str) -> None:
        nonlocal made
        while (made <= 20 or not enough()) and time.monotonic() < ends:
            try:
                await methods.set(TASK, key, f'"{made}"')
                assert await methods.get(TASK, key) is not None
            except StateStoreError as error:
                failed.append(error)
            made += 1
            await asyncio.sleep(0.005)

    def in_a_thread(key: str) -> None:
        asyncio.run(call(key))

    keys = [f"key-{number}" for number in range(callers)]
    if methods._is_async:
        await asyncio.gather(*map(call, keys))
    else:
        await asyncio.gather(*[asyncio.to_thread(in_a_thread, key) for key in keys])
    await methods.clear(TASK)
    await methods.backend.aclose()
    return made, failed


@pytest.mark.parametrize("overlap", [True, False], ids=["overlap", "at-once"])
async def test_no_call_fails_while_the_password_changes_every_second(
    overlap: bool, raw: redis.Redis, methods_with: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    with token_service(raw, period=1.0, overlap=overlap) as (service, url):
        monkeypatch.setenv("TOKEN_URL", url)
        monkeypatch.setenv("REDIS_USER", service.user)
        methods = methods_with(
            credential_provider="examples.rotating_credentials.provider",
            credentials_lifetime=0.4,
            budget=30.0,
        )
        before = logins(raw)

        def enough() -> bool:
            return len(service.tokens) > 3 and logins(raw) - before >= 4 and service.fetched > 1

        calling = asyncio.ensure_future(keep_calling(methods, enough))
        while not calling.done():
            await asyncio.sleep(0.7)
            for client in await asyncio.to_thread(connections, raw, service.user):
                raw.execute_command("CLIENT", "KILL", "ID", client)
        made, failed = await calling
        assert not failed
        assert made > 20
        assert len(service.tokens) >= 3
        assert logins(raw) - before >= 4
        assert 2 <= service.fetched < made


async def test_a_living_connection_logs_in_again_with_fresh_credentials(
    user: str, raw: redis.Redis, methods_with: Make, told: type[Told]
) -> None:
    methods = methods_with(credential_provider=f"{HERE}.Told", credentials_lifetime=0.05)
    await methods.get(TASK, "key")
    connected, told.answer = connections(raw, user), (USER, "the next one")
    raw.execute_command("ACL", "SETUSER", user, "resetpass", ">the next one")
    before = logins(raw)

    async def until_it_has() -> None:
        while logins(raw) == before:
            await methods.get(TASK, "key")

    await asyncio.wait_for(until_it_has(), PATIENCE)
    assert connections(raw, user) == connected
    await methods.backend.aclose()


async def test_a_connection_without_a_lifetime_keeps_what_it_logged_in_with(
    user: str, raw: redis.Redis, methods_with: Make
) -> None:
    methods = methods_with(credential_provider=f"{HERE}.Told")
    await methods.get(TASK, "key")
    before = logins(raw)
    for _ in range(20):
        await methods.get(TASK, "key")
    assert logins(raw) == before
    await methods.backend.aclose()


async def test_a_living_connection_outlasts_a_provider_that_fails_for_a_while(
    user: str, methods_with: Make, told: type[Told], caplog: pytest.LogCaptureFixture
) -> None:
    methods = methods_with(credential_provider=f"{HERE}.Told", credentials_lifetime=0.05)
    await methods.get(TASK, "key")
    told.fails = LookupError(SECRET)
    await asyncio.sleep(0.1)
    assert await methods.get(TASK, "key") is None
    assert "failed (LookupError)" in caplog.text
    assert SECRET not in caplog.text
    await methods.backend.aclose()


async def test_a_user_that_is_made_again_within_the_budget_loses_no_call(
    user: str, raw: redis.Redis, methods_with: Make
) -> None:
    methods = methods_with(credential_provider=f"{HERE}.Told", budget=20.0)
    await methods.get(TASK, "key")
    raw.execute_command("ACL", "DELUSER", user)
    refused = logins(raw)
    if methods._is_async:
        call = asyncio.ensure_future(methods.get(TASK, "key"))
    else:
        thread = asyncio.to_thread(methods.backend.get, TASK, "key")
        call = asyncio.ensure_future(thread)
    await reached(lambda: logins(raw) > refused)
    raw.execute_command("ACL", "SETUSER", user, "reset", *RIGHTS, f">{SECRET}")
    assert await call is None
    await methods.backend.aclose()


async def test_a_user_that_is_gone_is_an_error_until_it_is_back(
    user: str, raw: redis.Redis, methods_with: Make
) -> None:
    for options in (
        {"username": user, "password": SECRET},
        {"credential_provider": f"{HERE}.Told", "budget": 2.0},
    ):
        methods = methods_with(**options)
        await methods.get(TASK, "key")
        raw.execute_command("ACL", "DELUSER", user)
        with pytest.raises(MisconfiguredError, match="WRONGPASS") as caught:
            await methods.get(TASK, "key")
        assert SECRET not in everything_of(caught.value)
        raw.execute_command("ACL", "SETUSER", user, "reset", *RIGHTS, f">{SECRET}")
        assert await methods.get(TASK, "key") is None
        await methods.backend.aclose()


class Source:
    """Hands out numbered tokens, and counts."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self.asked = 0
        self.go_on = threading.Event()
        self.go_on.set()
        self.fails = False

    def __call__(self) -> Token:
        self.asked += 1
        asked = self.asked
        assert self.go_on.wait(PATIENCE)
        if self.fails:
            raise OSError("no network")
        return Token(f"token-{asked}", self.seconds)


def test_the_example_asks_for_a_token_once_while_it_is_valid() -> None:
    source = Source(seconds=3600)
    provider = TokenProvider(USER, source)
    assert [provider.get_credentials() for _ in range(3)] == [(USER, "token-1")] * 3
    assert source.asked == 1


def test_the_example_asks_again_before_a_token_ends() -> None:
    source = Source(seconds=0.0)
    provider = TokenProvider(USER, source)
    assert provider.get_credentials() == (USER, "token-1")
    assert provider.get_credentials() == (USER, "token-2")


def test_the_example_asks_once_for_many_threads() -> None:
    source = Source(seconds=3600)
    source.go_on.clear()
    provider, found = TokenProvider(USER, source), list[tuple[str, str]]()
    threads = [
        threading.Thread(target=lambda: found.append(provider.get_credentials())) for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    source.go_on.set()
    for thread in threads:
        thread.join()
    assert found == [(USER, "token-1")] * 8
    assert source.asked == 1


def test_the_example_lets_no_thread_wait_while_the_last_token_is_valid() -> None:
    source = Source(seconds=3600)
    provider = TokenProvider(USER, source)
    provider.get_credentials()
    provider._renew_at = 0.0
    source.go_on.clear()
    renewing = threading.Thread(target=provider.get_credentials)
    renewing.start()
    while source.asked < 2:
        time.sleep(0.005)
    assert provider.get_credentials() == (USER, "token-1")
    source.go_on.set()
    renewing.join()
    assert provider.get_credentials() == (USER, "token-2")


def test_the_example_goes_on_with_a_valid_token_when_none_can_be_had() -> None:
    source = Source(seconds=3600)
    provider = TokenProvider(USER, source)
    provider.get_credentials()
    source.fails, provider._renew_at = True, 0.0
    assert provider.get_credentials() == (USER, "token-1")
    provider._ends_at = 0.0
    with pytest.raises(OSError, match="no network"):
        provider.get_credentials()


def test_the_example_fetches_as_oauth_servers_answer(raw: redis.Redis) -> None:
    with token_service(raw, period=60.0, overlap=False) as (service, url):
        token = fetch_from(url)()
        assert token.text == service.tokens[-1]
        assert 0 < token.seconds <= 60
        assert token.text not in repr(token)
        service.is_down = True
        with pytest.raises(OSError, match="503"):
            fetch_from(url)()
        with pytest.raises(ValueError, match="neither http:// nor"):
            fetch_from("file:///etc/passwd")
