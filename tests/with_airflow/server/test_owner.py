"""Two Airflows in one namespace by mistake: the mark of a metadata database, and who is told."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import redis
from airflow import settings
from airflow.models.crypto import get_fernet
from airflow.models.variable import Variable
from cryptography.fernet import Fernet
from sqlalchemy import delete, event, select

from redis_state import MisconfiguredError, RedisStateBackend, UnavailableError
from redis_state.airflow import database_mark
from redis_state.airflow.run_identity import ClosedSession
from redis_state.backends.ownership import Ownership
from redis_state.plugin import owner
from redis_state.testing import EmbeddedServer
from tests.support.waiting import PATIENT, wait_for
from tests.with_airflow.server.airflow_home import NAMESPACE, ApiServer, Home
from tests.with_airflow.server.metadata import Instance, Metadata
from tests.with_airflow.server.tasks import Task

KEY = f"{NAMESPACE}:{{owner}}"
OTHER: dict[Any, Any] = {"database": "the-other-one", "since": "2026-01-01T00:00:00+00:00"}
LOUD = "belongs to another Airflow, of the metadata database"


@pytest.fixture
def own_database(metadata: Metadata, monkeypatch: pytest.MonkeyPatch) -> Iterator[Metadata]:
    """Let this process be one of Airflow's, beside a database without a mark."""
    monkeypatch.setattr(settings, "NonScopedSession", metadata.sessions)
    monkeypatch.setattr(database_mark, "_known", {})
    yield metadata
    with metadata.session() as session:
        session.execute(delete(Variable).where(Variable.key == database_mark.VARIABLE))


def variables(metadata: Metadata) -> list[Any]:
    with metadata.session() as session:
        return list(session.scalars(select(Variable).where(Variable.key == "redis_state_owner")))


class TestTheMarkOfADatabase:
    def test_it_is_made_once_and_says_what_it_is(self, own_database: Metadata) -> None:
        made = database_mark.make()
        assert len(made) == 36
        database_mark._known.clear()
        assert database_mark.make() == made
        (variable,) = variables(own_database)
        assert (variable.val, variable.is_encrypted) == (made, False)
        assert "Do not remove or change it" in variable.description

    def test_of_two_that_make_it_at_once_the_first_wins(self, own_database: Metadata) -> None:
        def be_quicker(_: Any, __: Any, statement: str, *___: Any) -> None:
            if statement.startswith("INSERT INTO variable") and not quicker:
                quicker.append("")
                with own_database.session() as session:
                    quicker[0] = "of another process"
                    row = database_mark._row() | {"val": quicker[0]}
                    session.execute(Variable.__table__.insert().values(row))

        quicker: list[str] = []
        event.listen(own_database.engine, "before_cursor_execute", be_quicker)
        try:
            assert database_mark.make() == "of another process"
        finally:
            event.remove(own_database.engine, "before_cursor_execute", be_quicker)

    def test_a_request_reads_it_by_its_own_session_once(self, own_database: Metadata) -> None:
        made = database_mark.make()
        database_mark._known.clear()
        with own_database.session() as session:
            assert database_mark.read(ClosedSession(session)) is None
            assert database_mark.read(session) == made
            assert database_mark.read(ClosedSession(session)) == made
        assert database_mark.read(None) == made

    def test_one_that_was_saved_in_the_ui_is_decrypted(
        self, own_database: Metadata, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def use_key(key: str) -> None:
            monkeypatch.setenv("AIRFLOW__CORE__FERNET_KEY", key)
            get_fernet.cache_clear()
            database_mark._known.clear()

        first, second = (Fernet.generate_key().decode() for _ in range(2))
        try:
            use_key(first)
            with own_database.session() as session:
                session.add(Variable("redis_state_owner", "saved by hand"))
            assert variables(own_database)[0].is_encrypted
            assert database_mark.make() == "saved by hand"
            for key in (second, ""):
                use_key(key)
                with pytest.raises(MisconfiguredError, match="cannot be decrypted.*fernet_key"):
                    database_mark.make()
        finally:
            get_fernet.cache_clear()

    def test_a_call_that_must_know_it_has_it_made(self, own_database: Metadata) -> None:
        ownership = Ownership(NAMESPACE)
        with own_database.session() as session, pytest.raises(UnavailableError, match="a moment"):
            ownership.question(session)
        wait_for(database_mark.known, "the mark is made")
        with own_database.session() as session:
            claim = ownership.question(session)
        assert claim is not None
        assert claim.database == variables(own_database)[0].val


class TestLooking:
    @pytest.fixture
    def watch(self, own_database: Metadata, redis_server: EmbeddedServer) -> Iterator[owner.Watch]:
        backend = RedisStateBackend(url=redis_server.url, **PATIENT)
        yield owner.Watch(backend)
        backend.close()

    def test_of_our_own_nothing_is_said(
        self, watch: owner.Watch, plain: redis.Redis, caplog: pytest.LogCaptureFixture
    ) -> None:
        caplog.set_level(logging.INFO, "redis_state")
        assert watch.look()
        assert watch.look()
        assert plain.hget(KEY, "database") == database_mark.make().encode()
        assert (watch.warned, caplog.messages) == (None, [])

    def test_of_another_s_it_is_said_loudly_and_once_and_when_it_is_over(
        self, watch: owner.Watch, plain: redis.Redis, caplog: pytest.LogCaptureFixture
    ) -> None:
        caplog.set_level(logging.INFO, "redis_state")
        plain.hset(KEY, mapping=OTHER)
        assert not watch.look()
        assert not watch.look()
        (record,) = caplog.records
        assert record.levelno == logging.ERROR
        told = record.getMessage()
        assert LOUD in told[:100]
        assert "the-other-one since 2026-01-01" in told
        assert "Set another [redis_state] namespace" in told
        assert f"`DEL {KEY}`" in told
        warned: Any = watch.warned
        assert told == f"{warned.meaning}. {warned.remedy}"
        plain.delete(KEY)
        assert watch.look()
        assert watch.warned is None
        assert "is this Airflow's" in caplog.messages[-1]

    def test_a_redis_or_a_database_that_is_away_is_asked_again(
        self, own_database: Metadata, caplog: pytest.LogCaptureFixture
    ) -> None:
        caplog.set_level(logging.INFO, "redis_state.plugin")
        # The suite looks for it in all that is logged.
        away = RedisStateBackend(url="redis://127.0.0.1:1", password="of-a-server", budget=0.2)
        watch = owner.Watch(away)
        assert not watch.look()
        assert not watch.look()
        (told,) = caplog.messages
        start = "Whose the namespace 'airflow' is could not be looked up. "
        assert told.startswith(f"{start}Nothing listens at 127.0.0.1:1: ")
        caplog.clear()

        def be_away(*_: Any) -> None:
            raise ConnectionError("postgresql://airflow:of-a-database@db: gone")

        database_mark._known.clear()
        event.listen(own_database.engine, "before_cursor_execute", be_away)
        try:
            assert not watch.look()
        finally:
            event.remove(own_database.engine, "before_cursor_execute", be_away)
        assert caplog.messages == [f"{start}ConnectionError."]

    def test_who_lacks_a_right_reads_which(
        self,
        own_database: Metadata,
        plain: redis.Redis,
        redis_server: EmbeddedServer,
        caplog: pytest.LogCaptureFixture,
    ) -> None:
        plain.execute_command("ACL", "SETUSER", "some", "on", "nopass", "+@all", "~airflow:t:*")
        backend = RedisStateBackend(url=redis_server.url, username="some", password="x" * 9)
        try:
            assert not owner.Watch(backend).look()
        finally:
            backend.close()
            plain.execute_command("ACL", "DELUSER", "some")
        (record,) = caplog.records
        assert record.levelno == logging.WARNING
        assert "could not be looked up" in record.getMessage()
        assert "NOPERM" in record.getMessage()


@pytest.fixture
def second(
    tmp_path_factory: pytest.TempPathFactory, redis_server: EmbeddedServer
) -> Iterator[tuple[Home, Metadata]]:
    """Give another Airflow on the same Redis, in the same namespace."""
    folder: Path = tmp_path_factory.mktemp("second-airflow")
    home = Home(folder, redis_server.url, f"sqlite:///{folder / 'airflow.db'}")
    metadata = Metadata(home.database)
    yield home, metadata
    metadata.close()


def test_the_second_airflow_is_loud_and_refused_where_that_is_asked_for(
    task: Task, own_database: Metadata, second: tuple[Home, Metadata], redis_server: EmbeddedServer
) -> None:
    first = RedisStateBackend(url=redis_server.url, **PATIENT)
    assert owner.Watch(first).look()
    first.close()
    home, metadata = second
    instance = metadata.instance()
    options = {"REDIS_STATE__REQUIRE_OWNER": "True", "CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS": "True"}
    environment = {f"AIRFLOW__{name}": value for name, value in options.items()}
    with ApiServer(home, apps="all", **environment) as server:
        wait_for(lambda: LOUD in server.log, "the second says it", within=120)
        with Task(home, server.url, instance) as other:
            of_task = other.http.put(f"{other.path}/watermark", json={"value": 1})
        of_ui = httpx.get(f"{server.root}{ui_path(instance)}", headers=admin(server), timeout=30)
        for answer in (of_task, of_ui):
            assert answer.status_code == httpx.codes.FAILED_DEPENDENCY
            assert "[redis_state] require_owner refuses" in answer.text
        task.set("watermark", 2)
        assert task.get("watermark") == 2
        assert "redis-state 0.1.0 on" in server.log


def ui_path(instance: Instance) -> str:
    scope = instance.scope
    run = f"/api/v2/dags/{scope.dag_id}/dagRuns/{scope.run_id}"
    return f"{run}/taskInstances/{scope.task_id}/state-store"


def admin(server: ApiServer) -> dict[str, str]:
    answer = httpx.get(f"{server.root}/auth/token", timeout=30)
    return {"Authorization": f"Bearer {answer.json()['access_token']}"}
