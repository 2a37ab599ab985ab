"""Redis changes once Airflow's own transaction has committed, and not before."""

from __future__ import annotations

import asyncio
import logging
import sys
import threading
from collections.abc import Callable
from contextlib import closing
from typing import Any

import pytest
from airflow.models import DagRun
from airflow.models.dagbundle import DagBundleModel
from airflow.state import TaskScope
from airflow.state.metastore import MetastoreBackend
from sqlalchemy import column, delete, event, table
from sqlalchemy.ext.asyncio import async_sessionmaker

from redis_state import MisconfiguredError, RedisStateBackend
from redis_state.plugin import clearing
from redis_state.testing import EmbeddedServer
from tests.support.waiting import wait_for
from tests.with_airflow.promises.backends import Slow
from tests.with_airflow.promises.conftest import clearers
from tests.with_airflow.server.metadata import Instance, Metadata

SLOW = "tests.with_airflow.promises.backends.Slow"


@pytest.fixture
def keeping(metadata: Metadata, backend: RedisStateBackend) -> Callable[[], Instance]:
    """Give a function that returns a new task instance with state."""

    def keep() -> Instance:
        instance = metadata.instance()
        backend.set(instance.scope, "job_id", '"job-1"')
        return instance

    return keep


@pytest.fixture
def instance(keeping: Callable[[], Instance]) -> Instance:
    return keeping()


def clear(instance: Instance, session: Any) -> None:
    """Clear the state of a task instance as Airflow does when it is marked as success."""
    scope = instance.scope
    airflows = TaskScope(dag_id=scope.dag_id, run_id=scope.run_id, task_id=scope.task_id)
    MetastoreBackend().clear(airflows, session=session)


def is_there(backend: RedisStateBackend, instance: Instance) -> bool:
    return backend.get(instance.scope, "job_id") is not None


def test_state_goes_when_the_transaction_has_committed(
    metadata: Metadata, backend: RedisStateBackend, instance: Instance
) -> None:
    with metadata.sessions() as session:
        clear(instance, session)
        assert is_there(backend, instance)
        session.commit()
        assert not is_there(backend, instance)


@pytest.mark.parametrize("end", ["rollback", "close"])
def test_state_stays_when_the_transaction_comes_to_nothing(
    metadata: Metadata, backend: RedisStateBackend, instance: Instance, end: str
) -> None:
    with metadata.sessions() as session:
        clear(instance, session)
        getattr(session, end)()
        session.connection()
        session.commit()
    assert is_there(backend, instance)


def test_state_stays_when_the_commit_fails(
    metadata: Metadata, backend: RedisStateBackend, instance: Instance
) -> None:
    def fail(_: object) -> None:
        raise RuntimeError("no commit")

    with metadata.sessions() as session:
        event.listen(session, "before_commit", fail)
        clear(instance, session)
        with pytest.raises(RuntimeError):
            session.commit()
    assert is_there(backend, instance)


def test_what_a_savepoint_took_back_stays_and_the_rest_goes(
    metadata: Metadata, backend: RedisStateBackend, keeping: Callable[[], Instance]
) -> None:
    goes, stays = keeping(), keeping()
    with metadata.session() as session:
        clear(goes, session)
        savepoint = session.begin_nested()
        clear(stays, session)
        savepoint.rollback()
    assert not is_there(backend, goes)
    assert is_there(backend, stays)


def test_a_savepoint_that_is_kept_changes_nothing_before_the_commit(
    metadata: Metadata, backend: RedisStateBackend, keeping: Callable[[], Instance]
) -> None:
    instances = [keeping(), keeping()]
    with metadata.sessions() as session:
        with session.begin_nested():
            clear(instances[0], session)
            with session.begin_nested():
                clear(instances[1], session)
        assert [is_there(backend, instance) for instance in instances] == [True, True]
        session.commit()
    assert [is_there(backend, instance) for instance in instances] == [False, False]


def test_a_savepoint_goes_with_the_transaction_around_it(
    metadata: Metadata, backend: RedisStateBackend, keeping: Callable[[], Instance]
) -> None:
    inner, outer = keeping(), keeping()
    with metadata.sessions() as session:
        savepoint = session.begin_nested()
        with session.begin_nested():
            clear(inner, session)
        savepoint.rollback()
        with session.begin_nested():
            clear(outer, session)
        session.rollback()
    assert is_there(backend, inner)
    assert is_there(backend, outer)


def test_a_savepoint_within_a_flush_goes_with_the_transaction_around_the_flush(
    metadata: Metadata, backend: RedisStateBackend, instance: Instance
) -> None:
    def clear_within(session: Any, _: object) -> None:
        with session.begin_nested():
            clear(instance, session)

    with metadata.sessions() as session:
        event.listen(session, "after_flush", clear_within)
        session.add(DagBundleModel(name=f"bundle of {instance.scope.dag_id}"))
        session.flush()
        assert is_there(backend, instance)
        session.commit()
        assert not is_there(backend, instance)


def test_a_transaction_knows_nothing_of_the_one_before(
    metadata: Metadata, backend: RedisStateBackend, instance: Instance
) -> None:
    with metadata.sessions() as session:
        clear(instance, session)
        session.commit()
        backend.set(instance.scope, "job_id", '"job-2"')
        session.connection()
        session.commit()
    assert is_there(backend, instance)


def test_a_loop_does_not_wait_for_redis(
    metadata: Metadata, watching: Callable[..., Slow], monkeypatch: pytest.MonkeyPatch
) -> None:
    # A loop that waited would do so for ever.
    monkeypatch.setattr(clearing, "WAITS", None)
    backend = watching(AIRFLOW__STATE_STORE__BACKEND=SLOW)
    instance = metadata.instance()
    backend.set(instance.scope, "job_id", '"job-1"')
    Slow.go_on.clear()

    async def delete_on_loop() -> None:
        sessions = async_sessionmaker(metadata.async_engine())
        async with sessions() as session:
            await session.run_sync(lambda within: clear(instance, within))
            await session.commit()

    asyncio.run(delete_on_loop())
    assert is_there(backend, instance)
    Slow.go_on.set()
    wait_for(lambda: not is_there(backend, instance), "the clear")


def test_redis_is_waited_for_without_a_connection_of_the_database(
    metadata: Metadata, watching: Callable[..., Slow], monkeypatch: pytest.MonkeyPatch
) -> None:
    backend = watching(AIRFLOW__STATE_STORE__BACKEND=SLOW)
    instance = metadata.instance()
    Slow.go_on.set()
    with metadata.sessions() as session:
        monkeypatch.setattr(Slow, "look", staticmethod(metadata.engine.pool.checkedout))
        clear(instance, session)
        assert metadata.engine.pool.checkedout() == 1
        session.commit()
    assert backend.seen == [0]


def test_a_redis_that_hangs_holds_a_transaction_up_for_a_moment_only(
    metadata: Metadata, watching: Callable[..., Slow], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(clearing, "WAITS", 0.01)
    backend = watching(AIRFLOW__STATE_STORE__BACKEND=SLOW)
    instance = metadata.instance()
    backend.set(instance.scope, "job_id", '"job-1"')
    Slow.go_on.clear()
    with metadata.session() as session:
        clear(instance, session)
    assert clearers()
    assert is_there(backend, instance)
    Slow.go_on.set()
    wait_for(lambda: not is_there(backend, instance), "the clear")


def test_what_others_say_of_a_failure_is_not_logged(
    metadata: Metadata,
    watching: Callable[..., RedisStateBackend],
    caplog: pytest.LogCaptureFixture,
) -> None:
    watching(AIRFLOW__STATE_STORE__BACKEND="tests.with_airflow.promises.backends.Talkative")
    with metadata.session() as session:
        clear(metadata.instance(), session)
    wait_for(lambda: "marked it as success. RuntimeError." in caplog.text)
    assert "sesame" not in caplog.text


def test_what_redis_did_not_clear_is_logged_and_the_transaction_stands(
    metadata: Metadata,
    watching: Callable[..., RedisStateBackend],
    redis_server: EmbeddedServer,
    caplog: pytest.LogCaptureFixture,
) -> None:
    backend = watching(AIRFLOW__REDIS_STATE__BUDGET="0.2", AIRFLOW__REDIS_STATE__TIMEOUT="0.1")
    instances = [metadata.instance() for _ in range(25)]
    for instance in instances:
        backend.set(instance.scope, "job_id", '"job-1"')
    redis_server.pause()
    try:
        with caplog.at_level(logging.ERROR), metadata.session() as session:
            for instance in instances:
                clear(instance, session)
        wait_for(lambda: not clearers())
    finally:
        redis_server.resume()
    told = [record.getMessage() for record in caplog.records if "redis_state" in record.name]
    assert f"the state of {instances[0].scope}" in told[0]
    assert "The same holds for 5 others." in told[-1]
    assert len(told) == 21


def test_a_process_that_can_start_no_thread_clears_all_the_same(
    metadata: Metadata, backend: RedisStateBackend, instance: Instance
) -> None:
    before = threading.stack_size(2**46)
    try:
        with metadata.session() as session:
            clear(instance, session)
    finally:
        threading.stack_size(before)
    assert not is_there(backend, instance)


def test_a_wrong_option_is_told_and_the_transaction_stands(
    metadata: Metadata, watching: Callable[..., Any], caplog: pytest.LogCaptureFixture
) -> None:
    with pytest.raises(MisconfiguredError):
        watching(AIRFLOW__REDIS_STATE__URL="nonsense://redis")
    instance = metadata.instance()
    with metadata.session() as session:
        clear(instance, session)
    assert f"the state of {instance.scope}" in caplog.text
    assert "nonsense" not in caplog.text


def test_what_goes_wrong_while_it_watches_does_not_end_airflows_transaction(
    metadata: Metadata, backend: RedisStateBackend, caplog: pytest.LogCaptureFixture
) -> None:
    unlike_airflows = table("dag_run", column("id"))
    with metadata.session() as session:
        session.execute(delete(unlike_airflows).where(unlike_airflows.c.id == -1))
    assert "stays in Redis until it expires, because of an error" in caplog.text


def test_a_process_without_airflows_models_deletes_and_says_that_it_was_not_followed(
    metadata: Metadata,
    backend: RedisStateBackend,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # As before they are imported, which begins to listen to statements and so must not be done by
    # what listens to one.
    monkeypatch.delitem(sys.modules, "airflow.models.taskinstance")
    with metadata.session() as session:
        session.execute(delete(DagRun.__table__).where(DagRun.__table__.c.id == -1))
    assert "Airflow's models are not there yet." in caplog.text


@pytest.mark.parametrize(
    "options",
    [
        {"AIRFLOW__STATE_STORE__BACKEND": "airflow.state.metastore.MetastoreBackend"},
        {"AIRFLOW__STATE_STORE__BACKEND": "tests.with_airflow.promises.backends.Others"},
        {"AIRFLOW__REDIS_STATE__UI_BRIDGE": "False"},
    ],
    ids=["Airflow's own", "another's", "switched off"],
)
def test_no_transaction_is_followed_where_the_plug_in_does_not_work(
    metadata: Metadata, watching: Callable[..., Any], options: dict[str, str]
) -> None:
    watching(**options)
    instance = metadata.instance()
    with metadata.sessions() as session, closing(RedisStateBackend()) as outside:
        outside.set(instance.scope, "job_id", '"job-1"')
        clear(instance, session)
        session.commit()
        assert is_there(outside, instance)
