"""Whose state goes: what Airflow deletes from its metadata database, in each way that it does."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from airflow.api.common.delete_dag import delete_dag
from airflow.jobs.scheduler_job_runner import SchedulerJobRunner
from airflow.models import DagRun, TaskInstance
from airflow.models.asset import AssetActive
from airflow.models.asset_state_store import AssetStateStoreModel
from airflow.models.task_state_store import TaskStateStoreModel
from airflow.state import TaskScope as AirflowsTaskScope
from airflow.state.metastore import MetastoreBackend
from airflow.utils.db_cleanup import run_cleanup
from sqlalchemy import delete, select

from redis_state import AssetScope, RedisStateBackend, TaskScope
from redis_state.plugin import deletions
from redis_state.testing import EmbeddedServer
from tests.support.waiting import wait_for
from tests.with_airflow.promises.conftest import clearers
from tests.with_airflow.server.metadata import Asset, Metadata

FINISHED = "success"
INDICES = (0, 1, 128, 1000)


class Store:
    """The state of what a test makes, by what it is called there."""

    def __init__(self, metadata: Metadata, backend: RedisStateBackend) -> None:
        self.metadata = metadata
        self.backend = backend
        self.scopes: dict[str, TaskScope | AssetScope] = {}

    def run(self, dag_id: str, run_id: str) -> None:
        """Add a run with a task that is not mapped, one that is, and state of both."""
        self.metadata.run(dag_id, run_id)
        self.task(dag_id, run_id, "plain", -1)
        self.task(dag_id, run_id, "mapped", *INDICES)
        with self.metadata.session() as session:
            session.scalar(select(DagRun).filter_by(dag_id=dag_id, run_id=run_id)).state = FINISHED

    def task(self, dag_id: str, run_id: str, task_id: str, *indices: int) -> None:
        for instance in self.metadata.instances(dag_id, *indices, run_id=run_id, task_id=task_id):
            self.metadata.update(instance, state=FINISHED)
            self.keep(f"{run_id} {task_id} {instance.scope.map_index}", instance.scope)

    def asset(self) -> Asset:
        asset = self.metadata.asset()
        self.keep(asset.name, AssetScope(asset_id=asset.id))
        return asset

    def keep(self, name: str, scope: Any) -> None:
        self.scopes[name] = scope
        self.backend.set(scope, "key", '"value"')

    @property
    def left(self) -> set[str]:
        """Return what is still there, by name and without the map index."""
        return {
            name.rpartition(" ")[0] or name
            for name, scope in self.scopes.items()
            if self.backend.get(scope, "key") is not None
        }


@pytest.fixture
def store(metadata: Metadata, backend: RedisStateBackend) -> Store:
    return Store(metadata, backend)


@pytest.fixture
def dag_id(metadata: Metadata, store: Store) -> str:
    """Give a DAG with two runs that have state."""
    dag_id = metadata.dag()
    for run_id in ("first", "second"):
        store.run(dag_id, run_id)
    return dag_id


def all_of(*run_ids: str) -> set[str]:
    return {f"{run_id} {task_id}" for run_id in run_ids for task_id in ("plain", "mapped")}


def test_a_deleted_run_takes_the_state_of_all_its_tasks_and_leaves_other_runs(
    dag_id: str, metadata: Metadata, store: Store
) -> None:
    metadata.delete_run(dag_id, "first")
    assert store.left == all_of("second")


def test_a_statement_that_deletes_some_runs_takes_their_state(
    dag_id: str, metadata: Metadata, store: Store
) -> None:
    with metadata.session() as session:
        session.execute(delete(DagRun).where(DagRun.dag_id == dag_id, DagRun.run_id == "first"))
    assert store.left == all_of("second")


def test_a_statement_that_deletes_every_run_takes_all_their_state(
    dag_id: str, metadata: Metadata, store: Store
) -> None:
    with metadata.session() as session:
        session.execute(delete(DagRun))
    assert store.left == set()


def test_runs_that_savepoints_delete_go_together(
    dag_id: str, metadata: Metadata, store: Store
) -> None:
    with metadata.session() as session:
        for run in session.scalars(select(DagRun).filter_by(dag_id=dag_id)).all():
            with session.begin_nested():
                session.delete(run)
        session.flush()
        assert store.left == all_of("first", "second")
    assert store.left == set()


def test_a_deleted_dag_takes_the_state_of_all_its_runs_and_leaves_other_dags(
    dag_id: str, metadata: Metadata, store: Store
) -> None:
    other = metadata.dag()
    store.run(other, "other")
    with metadata.session() as session:
        delete_dag(dag_id, session=session)
    assert store.left == all_of("other")


def test_a_dag_that_is_not_deleted_after_all_keeps_its_state(
    dag_id: str, metadata: Metadata, store: Store
) -> None:
    with metadata.sessions() as session:
        delete_dag(dag_id, session=session)
        session.rollback()
    assert store.left == all_of("first", "second")


def test_task_instances_that_are_deleted_without_their_run_keep_their_state(
    dag_id: str, metadata: Metadata, store: Store
) -> None:
    with metadata.session() as session:
        session.execute(delete(TaskInstance).where(TaskInstance.dag_id == dag_id))
    assert store.left == all_of("first", "second")


def test_the_cleanup_of_old_runs_takes_their_state(
    dag_id: str, metadata: Metadata, store: Store
) -> None:
    with metadata.session() as session:
        first = session.scalar(select(DagRun).filter_by(dag_id=dag_id, run_id="first"))
        first.start_date = datetime.now(UTC) - timedelta(days=9)
        # Its instances go before it, but for one that never began.
        for instance in session.scalars(select(TaskInstance).filter_by(dag_id=dag_id)):
            if (instance.run_id, instance.task_id) == ("first", "mapped"):
                instance.start_date = first.start_date
    with metadata.sessions() as session:
        run_cleanup(
            clean_before_timestamp=datetime.now(UTC) - timedelta(days=1),
            table_names=["dag_run"],
            confirm=False,
            skip_archive=True,
            session=session,
        )
    assert store.left == all_of("second")


def test_of_task_instances_that_are_gone_the_latest_are_remembered_until_their_runs_follow(
    dag_id: str, metadata: Metadata, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deletions, "_MOST_EARLIER", 1)
    for model in (TaskInstance, DagRun):
        for run_id in ("first", "second"):
            with metadata.session() as session:
                session.execute(delete(model).where(model.dag_id == dag_id, model.run_id == run_id))
    assert store.left == all_of("first")


def airflows(scope: Any) -> AirflowsTaskScope:
    names = {"dag_id": scope.dag_id, "run_id": scope.run_id, "task_id": scope.task_id}
    return AirflowsTaskScope(**names, map_index=scope.map_index)


def test_the_clear_of_one_instance_leaves_the_others(
    dag_id: str, metadata: Metadata, store: Store
) -> None:
    one = store.scopes["first mapped 128"]
    with metadata.session() as session:
        MetastoreBackend().clear(airflows(one), session=session)
    left = {
        name for name, scope in store.scopes.items() if store.backend.get(scope, "key") is not None
    }
    assert store.scopes.keys() - left == {"first mapped 128"}


def test_the_clear_of_all_instances_of_a_task_leaves_other_tasks(
    dag_id: str, metadata: Metadata, store: Store
) -> None:
    one = store.scopes["first mapped 128"]
    with metadata.session() as session:
        MetastoreBackend().clear(airflows(one), all_map_indices=True, session=session)
    assert store.left == all_of("second") | {"first plain"}


def test_rows_of_one_key_or_with_one_value_mean_nothing(
    dag_id: str, metadata: Metadata, store: Store
) -> None:
    one: Any = store.scopes["first plain -1"]
    rows = TaskStateStoreModel
    of_task = (rows.dag_id == one.dag_id, rows.run_id == one.run_id, rows.task_id == one.task_id)
    with metadata.session() as session:
        MetastoreBackend().delete(airflows(one), "key", session=session)
        session.execute(delete(rows).where(*of_task, rows.value.in_(["1"])))
    assert store.left == all_of("first", "second")


@pytest.mark.parametrize(
    "statement",
    [
        delete(TaskStateStoreModel),
        delete(TaskStateStoreModel).where(TaskStateStoreModel.id.in_([1, 2])),
        delete(TaskStateStoreModel).where(TaskStateStoreModel.key == "key"),
        delete(AssetStateStoreModel).where(AssetStateStoreModel.asset_id == 1),
    ],
    ids=["all rows", "old rows", "a key", "an asset's"],
)
def test_rows_of_airflows_own_store_that_are_deleted_otherwise_mean_nothing(
    dag_id: str, metadata: Metadata, store: Store, statement: Any
) -> None:
    asset = store.asset()
    with metadata.session() as session:
        session.execute(statement)
    assert store.left == all_of("first", "second") | {asset.name}


def sweep(metadata: Metadata) -> None:
    """Do as the scheduler does every minute."""
    with metadata.session() as session:
        SchedulerJobRunner._cleanup_orphaned_asset_state_store(session=session)


def deactivate(metadata: Metadata, asset: Asset) -> None:
    with metadata.session() as session:
        session.execute(delete(AssetActive).where(AssetActive.name == asset.name))


def activate(metadata: Metadata, asset: Asset) -> None:
    with metadata.session() as session:
        session.add(AssetActive(name=asset.name, uri=asset.uri))


def test_an_asset_that_is_gone_loses_its_state_in_the_schedulers_sweep(
    metadata: Metadata, store: Store
) -> None:
    gone, stays = store.asset(), store.asset()
    deactivate(metadata, gone)
    assert store.left == {gone.name, stays.name}
    sweep(metadata)
    assert store.left == {stays.name}


def test_a_sweep_within_a_savepoint_counts(metadata: Metadata, store: Store) -> None:
    deactivate(metadata, store.asset())
    with metadata.session() as session, session.begin_nested():
        SchedulerJobRunner._cleanup_orphaned_asset_state_store(session=session)
    assert store.left == set()


def test_an_airflow_that_shares_a_namespace_by_mistake_clears_nothing_there(
    metadata: Metadata, store: Store, caplog: pytest.LogCaptureFixture
) -> None:
    store.backend.claim("of another database")
    asset = store.asset()
    deactivate(metadata, asset)
    sweep(metadata)
    assert store.left == {asset.name}
    assert "the state of AssetScope" in caplog.text
    assert "of another database" in caplog.text


def test_an_asset_that_comes_back_and_goes_again_loses_its_state_again(
    metadata: Metadata, store: Store
) -> None:
    asset = store.asset()
    for _ in range(2):
        deactivate(metadata, asset)
        sweep(metadata)
        assert store.left == set()
        activate(metadata, asset)
        sweep(metadata)
        store.keep(asset.name, AssetScope(asset_id=asset.id))
        sweep(metadata)
        assert store.left == {asset.name}


def test_an_asset_is_cleared_once_and_not_in_every_sweep(metadata: Metadata, store: Store) -> None:
    asset = store.asset()
    deactivate(metadata, asset)
    sweep(metadata)
    store.keep(asset.name, AssetScope(asset_id=asset.id))
    sweep(metadata)
    assert store.left == {asset.name}


def test_a_sweep_that_redis_missed_is_made_up_for_by_the_next(
    metadata: Metadata,
    watching: Callable[..., RedisStateBackend],
    redis_server: EmbeddedServer,
    caplog: pytest.LogCaptureFixture,
) -> None:
    few = {"AIRFLOW__REDIS_STATE__BUDGET": "0.2", "AIRFLOW__REDIS_STATE__TIMEOUT": "0.1"}
    store = Store(metadata, watching(**few, AIRFLOW__REDIS_STATE__BREAKER_AFTER="60"))
    asset = store.asset()
    deactivate(metadata, asset)
    redis_server.pause()
    try:
        with caplog.at_level(logging.ERROR):
            sweep(metadata)
            wait_for(lambda: not clearers())
    finally:
        redis_server.resume()
    assert f"the state of {AssetScope(asset_id=asset.id)}" in caplog.text
    sweep(metadata)
    assert store.left == set()
