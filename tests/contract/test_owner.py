"""Whose a namespace is, on all servers: the mark in Redis, and what `require_owner` makes of it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from typing import Any, TypeAlias

import pytest
import redis

from redis_state import MisconfiguredError, RedisStateBackend, TaskScope, UnavailableError
from redis_state.airflow import database_mark
from redis_state.backends import ownership
from redis_state.format.owner import owner_key
from redis_state.format.pages import read_page
from redis_state.operations.owner import ReadOwner
from tests.matrix import SERVERS
from tests.support.methods import MODES, Methods
from tests.support.rights import PASSWORD, documented, make_user, refusals
from tests.support.topologies import Deployment
from tests.support.waiting import PATIENT

TASK = TaskScope("dag", "run", "task")
# What Airflow hands in; this one is closed.
SESSION = object()
Call: TypeAlias = Callable[[Methods], Awaitable[Any]]
CALLS: dict[str, Call] = {
    "get": lambda methods: methods._call("get", TASK, "key", session=SESSION),
    "set": lambda methods: methods._call("set", TASK, "key", "1", session=SESSION),
    "delete": lambda methods: methods._call("delete", TASK, "key", session=SESSION),
    "clear": lambda methods: methods._call("clear", TASK, session=SESSION),
    "get_many": lambda methods: methods._call("get_many", TASK, ["key"], session=SESSION),
    "set_many": lambda methods: methods._call("set_many", TASK, {"key": "1"}, session=SESSION),
    "entries": lambda methods: methods._call("entries", TASK, session=SESSION),
    "entry": lambda methods: methods._call("entry", TASK, "key", session=SESSION),
    "listing": lambda methods: methods._call("listing", TASK, limit=5, session=SESSION),
    "survey": lambda methods: methods._call("survey", TASK, session=SESSION),
    # As what is cleared after a commit.
    "clear without a session": lambda methods: methods._call("clear", TASK),
    "aset_by_api": lambda methods: methods.backend.aset_by_api(TASK, "key", "1", session=SESSION),
    "aoverwrite": lambda methods: methods.backend.aoverwrite(TASK, "key", "1", session=SESSION),
}


@pytest.fixture
def of_database(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Let this process be that of an Airflow with this metadata database."""
    return lambda id_: monkeypatch.setitem(database_mark._known, database_mark.VARIABLE, id_)


async def owner_of(methods: Methods) -> Any:
    namespace = methods.backend.settings.namespace
    return await methods.backend._loop_clients.current().run(ReadOwner(namespace))


class Removal(ReadOwner):
    """What an operator does by hand."""

    def begin(self, _: Any) -> Any:
        return [("UNLINK", self.page)]

    def end(self, _: Any) -> None:
        return None


async def remove_mark(methods: Methods) -> None:
    namespace = methods.backend.settings.namespace
    await methods.backend._loop_clients.current().run(Removal(namespace))


async def test_the_first_keeps_the_namespace(methods: Methods) -> None:
    first = methods.backend.claim("d1")
    assert first.database == "d1"
    assert methods.backend.claim("d2") == first
    assert methods.backend.claim("d1") == first


async def test_a_mark_is_no_page_and_has_no_end(methods: Methods) -> None:
    namespace = methods.backend.settings.namespace
    assert read_page(namespace, owner_key(namespace).encode()) is None
    assert await owner_of(methods) is None
    mark = methods.backend.claim("d1")
    await methods.clear(TASK, all_map_indices=True)
    assert await owner_of(methods) == mark


async def test_without_the_option_nobody_looks(
    methods: Methods, of_database: Callable[[str], None]
) -> None:
    methods.backend.claim("d1")
    of_database("d2")
    for call in CALLS.values():
        await call(methods)


async def test_another_s_namespace_is_refused(
    methods_with: Any, of_database: Callable[[str], None]
) -> None:
    methods = methods_with(require_owner=True)
    methods.backend.claim("d1")
    of_database("d2")
    for call in [*CALLS.values()] * 2:
        with pytest.raises(MisconfiguredError, match="belongs to another Airflow.*require_owner"):
            await call(methods)
    assert await methods_with().entries(TASK) == {}


async def test_the_first_call_claims_what_is_nobody_s(
    methods_with: Any, of_database: Callable[[str], None]
) -> None:
    of_database("d1")
    for call in CALLS.values():
        methods = methods_with(require_owner=True)
        await call(methods)
        assert (await owner_of(methods)).database == "d1"
        await call(methods)
        await remove_mark(methods)


async def test_a_mark_that_is_removed_is_left_again(
    methods_with: Any, of_database: Callable[[str], None]
) -> None:
    methods = methods_with(require_owner=True)
    methods.backend.claim("d1")
    of_database("d2")
    with pytest.raises(MisconfiguredError, match="`DEL .*:{owner}`"):
        await CALLS["get"](methods)
    await remove_mark(methods)
    await CALLS["get"](methods)
    assert (await owner_of(methods)).database == "d2"


@pytest.mark.parametrize("is_time", [False, True])
async def test_it_is_looked_again_now_and_then(
    is_time: bool,
    methods_with: Any,
    of_database: Callable[[str], None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    if is_time:
        monkeypatch.setattr(ownership, "_LOOKS_AGAIN", 0.0)
    methods = methods_with(require_owner=True)
    of_database("d1")
    await CALLS["get"](methods)
    # As after FLUSHDB, where another Airflow was quicker.
    await remove_mark(methods)
    methods.backend.claim("d2")
    with pytest.raises(MisconfiguredError) if is_time else nullcontext():
        await CALLS["get"](methods)


async def test_who_has_no_metadata_database_is_not_asked(methods_with: Any) -> None:
    methods = methods_with(require_owner=True)
    methods.backend.claim("d1")
    await methods.set(TASK, "key", "1")
    assert await methods.get(TASK, "key") == "1"


async def test_as_long_as_the_database_has_no_mark_a_call_is_to_be_tried_again(
    methods_with: Any,
) -> None:
    with pytest.raises(UnavailableError, match="require_owner.*in a moment.* Try again"):
        await CALLS["get"](methods_with(require_owner=True))


class TestOnServers:
    @pytest.fixture(params=SERVERS)
    def server_name(self, request: pytest.FixtureRequest) -> str:
        return str(request.param)

    @pytest.fixture
    def limited(
        self, raw: redis.Redis, namespace: str, server: Deployment
    ) -> Iterator[Callable[[list[str]], RedisStateBackend]]:
        made: list[RedisStateBackend] = []
        raw.execute_command("ACL", "LOG", "RESET")

        def make(rules: list[str]) -> RedisStateBackend:
            make_user(raw, "limited", rules, namespace)
            login = {"username": "limited", "password": PASSWORD, "namespace": namespace}
            made.append(RedisStateBackend(url=server.url, **(PATIENT | login)))
            return made[-1]

        yield make
        for backend in made:
            backend.close()
        raw.execute_command("ACL", "DELUSER", "limited")

    def test_of_many_at_once_one_is_the_first(self, backend: RedisStateBackend) -> None:
        with ThreadPoolExecutor(8) as threads:
            owners = set(threads.map(backend.claim, [f"d{number}" for number in range(40)]))
        assert len(owners) == 1

    def test_the_documented_user_may(
        self, limited: Callable[[list[str]], RedisStateBackend], raw: redis.Redis
    ) -> None:
        assert limited(documented("airflow-state")).claim("d1").database == "d1"
        assert not refusals(raw, "limited")

    def test_who_may_not_is_told_what_is_lacking(
        self, limited: Callable[[list[str]], RedisStateBackend]
    ) -> None:
        rules = [each for each in documented("airflow-state") if each[0] != "~"]
        backend = limited([*rules, "~airflow:t:*", "~airflow:a:*"])
        with pytest.raises(MisconfiguredError, match="NOPERM"):
            backend.claim("d1")
        (finding,) = [each for each in backend.health().findings if each.name == "owner"]
        assert finding.verdict == "unknown"

    @pytest.mark.parametrize("mode", MODES)
    async def test_health_compares(
        self, mode: str, backend: RedisStateBackend, of_database: Callable[[str], None]
    ) -> None:
        backend.claim("d1")
        of_database("d2")
        health = await Methods(backend, mode)._call("health")
        (finding,) = [each for each in health.findings if each.name == "owner"]
        assert (finding.verdict, health.verdict) == ("failure", "failure")
