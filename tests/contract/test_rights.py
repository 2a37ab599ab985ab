"""The rights that the documentation gives to ACL users are those that are needed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import redis

from redis_state import (
    AssetScope,
    MisconfiguredError,
    OperationTimeoutError,
    RedisStateBackend,
    RedisWorkerBackend,
    StateStoreError,
    TaskScope,
)
from redis_state.testing import EmbeddedServer
from tests.matrix import FIELD_FORM, SERVERS
from tests.support.freezing import frozen
from tests.support.inside import node_of
from tests.support.rights import PASSWORD, documented, make_user, refusals
from tests.support.waiting import PATIENT, wait_until

TASK = TaskScope("dag", "run", "task")
MAPPED = TaskScope("dag", "run", "task", 300)
ASSET = AssetScope(asset_id=7)
USER = "limited"
# Who may not ask what the server can do is served in the form that all servers have.
QUESTION = "+command|info"
# Without these, nothing fails at once: see `test_with_its_rights_what_was_given_up_is_closed`.
GUARD = ("+client|info", "+client|kill")
MAY_BE_REFUSED = (QUESTION, *GUARD)
GRANTED = [rule for rule in documented("airflow-state") if rule.startswith("+")]
RULES = [rule for rule in GRANTED if rule not in MAY_BE_REFUSED]


@pytest.fixture(params=SERVERS)
def server_name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@dataclass
class User:
    """An ACL user of the namespace, and backends that log in with it."""

    raw: redis.Redis
    namespace: str
    url: str
    made: list[RedisStateBackend | RedisWorkerBackend]

    def may(self, rules: list[str]) -> None:
        make_user(self.raw, USER, rules, self.namespace)

    def backend(self, **options: Any) -> RedisStateBackend:
        self.made.append(RedisStateBackend(**(PATIENT | self._login() | options)))
        return self.made[-1]

    def worker(self) -> RedisWorkerBackend:
        self.made.append(RedisWorkerBackend(**(PATIENT | self._login())))
        return self.made[-1]

    def _login(self) -> dict[str, Any]:
        login = {"username": USER, "password": PASSWORD}
        return {"url": self.url, "namespace": self.namespace} | login


@pytest.fixture
def user(raw: redis.Redis, namespace: str, server: EmbeddedServer) -> Iterator[User]:
    raw.execute_command("ACL", "LOG", "RESET")
    # A script that is known already needs no EVAL.
    raw.script_flush()
    user = User(raw, namespace, server.url, [])
    yield user
    for backend in user.made:
        backend.close()
    raw.execute_command("ACL", "DELUSER", USER)


def in_an_hour() -> datetime:
    return datetime.now(UTC) + timedelta(hours=1)


def use_state(backend: RedisStateBackend) -> None:
    """Use each method, in each way that sends other commands."""
    for scope in (TASK, MAPPED, ASSET):
        backend.set(scope, "kept", "1")
        backend.set(scope, "ends", "1", expires_at=in_an_hour())
        backend.set(scope, "ends", "2", expires_at=in_an_hour() + timedelta(hours=1))
        backend.set(scope, "ends", "3")
        backend.set_many(scope, {"a": "1", "b": "2"}, expires_at=in_an_hour())
        assert backend.get(scope, "kept") == "1"
        assert set(backend.get_many(scope, ["a", "kept"])) == {"a", "kept"}
        assert len(backend.entries(scope)) == 4
        backend.delete(scope, "kept")
        backend.delete(scope, "ends")
        backend.clear(scope)
        backend.set(scope, "ends", "1", expires_at=in_an_hour())
        backend.delete(scope, "ends")
    backend.clear(TASK, all_map_indices=True)


def keep_some(backend: RedisStateBackend) -> None:
    for scope in (TASK, MAPPED, ASSET):
        backend.set(scope, "stays", "1")
        backend.set(scope, "ends", "1", expires_at=in_an_hour())


def use_worker_values(worker: RedisWorkerBackend) -> str:
    reference: str = worker.serialize_task_state_store_to_ref(value=[1], key="rows", scope=TASK)
    worker.set(TASK, "ends", "1", expires_at=in_an_hour())
    assert worker.deserialize_task_state_store_from_ref(reference) == [1]
    assert set(worker.get_many(TASK, ["rows", "ends"])) == {"rows", "ends"}
    assert len(worker.entries(TASK)) == 2
    worker.delete(TASK, "ends")
    return reference


def test_the_rights_of_the_server_side_are_enough(user: User) -> None:
    user.may(documented("airflow-state"))
    use_state(user.backend())
    assert not refusals(user.raw, USER)


def test_the_rights_of_the_server_side_are_enough_for_worker_values(user: User) -> None:
    user.may(documented("airflow-state"))
    state, reference = user.backend(), use_worker_values(user.worker())
    state.set(TASK, "rows", json.dumps({"__airflow_state_ref__": reference}))
    state.delete(TASK, "rows")
    state.clear(TASK)
    worker = user.worker()
    for key in ("a", "b", "c"):
        for by in (AssetScope(name="orders"), AssetScope(uri="s3://b")):
            reference = worker.serialize_asset_state_store_to_ref(value=1, key=key, scope=by)
            state.set(ASSET, key, json.dumps({"__airflow_state_ref__": reference}))
    state.set(ASSET, "a", "1")
    state.delete(ASSET, "b")
    state.clear(ASSET)
    assert not refusals(user.raw, USER)


def test_the_rights_of_the_worker_side_are_enough(user: User) -> None:
    user.may(documented("airflow-worker"))
    worker = user.worker()
    use_worker_values(worker)
    worker.clear(TASK)
    by_name = AssetScope(name="orders")
    worker.serialize_asset_state_store_to_ref(value=1, key="a", scope=by_name)
    worker.delete(by_name, "a")
    worker.clear(by_name)
    assert not refusals(user.raw, USER)
    with pytest.raises(StateStoreError):
        user.backend().get(TASK, "key")


def test_keys_of_another_namespace_are_out_of_reach(user: User) -> None:
    user.may(documented("airflow-state"))
    with pytest.raises(MisconfiguredError, match="NOPERM"):
        user.backend(namespace=f"other-{user.namespace}").get(TASK, "key")


def test_who_may_not_ask_what_the_server_can_do_is_served_all_the_same(user: User) -> None:
    user.may([rule for rule in documented("airflow-state") if rule != QUESTION])
    use_state(user.backend())


# Older servers do not count what they refuse, or not for each subcommand.
@pytest.mark.parametrize("server_name", [FIELD_FORM])
@pytest.mark.parametrize("lacking", [None, "+client|kill"])
def test_with_its_rights_what_was_given_up_is_closed(
    user: User, server: EmbeddedServer, lacking: str | None
) -> None:
    user.may([rule for rule in documented("airflow-state") if rule != lacking])
    user.raw.config_resetstat()
    backend = user.backend(budget=30.0, timeout=0.3, breaker_after=0, fast_lane=False)
    backend.set(TASK, "key", "1")
    with frozen(server), ThreadPoolExecutor(1) as thread:
        answer = thread.submit(backend.get, TASK, "key")
        wait_until(lambda: node_of(backend)._abandoned, "the connection is given up")
        server.resume()
        assert answer.result() == "1"
    statistics: Any = user.raw.info("commandstats")
    kills = statistics.get("cmdstat_client|kill", {"calls": 0, "rejected_calls": 0})
    assert (kills["calls"] > 0) == (lacking is None)
    assert (kills["rejected_calls"] > 0) == (lacking == "+client|kill")
    backend.clear(TASK)


@pytest.mark.parametrize("lacking", [None, "+client|info"])
def test_with_its_rights_a_connection_knows_its_number(user: User, lacking: str | None) -> None:
    user.may([rule for rule in documented("airflow-state") if rule != lacking])
    backend = user.backend(fast_lane=False)
    backend.clear(TASK)
    (link,) = node_of(backend)._idle
    assert (link.identity is None) == (lacking is not None)


# On a server with both forms: one writes, then the other goes on.
@pytest.mark.parametrize("server_name", [FIELD_FORM])
@pytest.mark.parametrize("rule", RULES)
def test_each_right_is_needed(rule: str, user: User) -> None:
    rules = [each for each in documented("airflow-state") if each != rule]
    user.may([each for each in rules if each != QUESTION])
    with pytest.raises(StateStoreError) as caught:  # noqa: PT012 - in whichever of these steps
        old = user.backend()
        use_state(old)
        keep_some(old)
        user.may(rules)
        new = user.backend()
        keep_some(new)
        use_state(new)
    assert not isinstance(caught.value, OperationTimeoutError)
    assert refusals(user.raw, USER) >= {rule[1:]}
    user.may(documented("airflow-state"))
    for scope in (TASK, MAPPED, ASSET):
        user.backend().clear(scope)
