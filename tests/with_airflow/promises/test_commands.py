"""What Airflow's commands and its scheduler delete goes in Redis, in processes without plug-ins."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
import redis
from airflow.models import DagRun, TaskInstance
from airflow.utils.db import _get_alembic_config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

from redis_state import AssetScope, RedisStateBackend, TaskScope
from redis_state.testing import EmbeddedServer
from tests.with_airflow.server.airflow_home import NAMESPACE, Home
from tests.with_airflow.server.metadata import Metadata


@pytest.fixture
def backend(redis_server: EmbeddedServer, plain: redis.Redis) -> Iterator[RedisStateBackend]:
    backend = RedisStateBackend(url=redis_server.url, namespace=NAMESPACE, budget=30)
    yield backend
    backend.close()


@pytest.fixture(scope="module", autouse=True)
def _migrated(metadata: Metadata) -> None:
    """Say in the database that it is up to date: some commands ask."""
    scripts = ScriptDirectory.from_config(_get_alembic_config())
    with metadata.engine.begin() as connection:
        MigrationContext.configure(connection).stamp(scripts, scripts.get_current_head())


@pytest.fixture
def scope(metadata: Metadata, backend: RedisStateBackend) -> TaskScope:
    """Give a task whose run began long ago, and that has state."""
    instance = metadata.instance()
    metadata.update(instance, state="success")
    with metadata.session() as session:
        run = session.query(DagRun).filter_by(dag_id=instance.scope.dag_id).one()
        run.state, run.start_date = "success", datetime.now(UTC) - timedelta(days=9)
    backend.set(instance.scope, "job_id", "1")
    return instance.scope


def test_airflow_dags_delete(home: Home, scope: TaskScope, backend: RedisStateBackend) -> None:
    status, printed = home.run("airflow", "dags", "delete", scope.dag_id, "--yes")
    assert status == 0, printed
    assert backend.get(scope, "job_id") is None


def test_airflow_dags_delete_tells_what_redis_did_not_clear(
    home: Home, scope: TaskScope, redis_server: EmbeddedServer
) -> None:
    redis_server.pause()
    try:
        few = {"AIRFLOW__REDIS_STATE__BUDGET": "0.2", "AIRFLOW__REDIS_STATE__TIMEOUT": "0.1"}
        status, printed = home.run("airflow", "dags", "delete", scope.dag_id, "--yes", **few)
    finally:
        redis_server.resume()
    assert status == 0, printed
    assert f"the state of {scope}" in printed


def test_airflow_db_clean_which_deletes_the_task_instances_first(
    home: Home, metadata: Metadata, scope: TaskScope, backend: RedisStateBackend
) -> None:
    with metadata.session() as session:
        instance = session.query(TaskInstance).filter_by(dag_id=scope.dag_id).one()
        instance.start_date = datetime.now(UTC) - timedelta(days=9)
    before = (datetime.now(UTC) - timedelta(days=1)).isoformat()
    what = ("--tables", "dag_run", "--clean-before-timestamp", before)
    status, printed = home.run("airflow", "db", "clean", *what, "--skip-archive", "--yes")
    assert status == 0, printed
    assert backend.get(scope, "job_id") is None


def test_the_schedulers_sweep(home: Home, metadata: Metadata, backend: RedisStateBackend) -> None:
    gone, stays = metadata.asset(active=False), metadata.asset()
    for asset in (gone, stays):
        backend.set(AssetScope(asset_id=asset.id), "watermark", "1")
    status, printed = home.run("tests.with_airflow.promises.sweep")
    assert status == 0, printed
    left = [backend.get(AssetScope(asset_id=asset.id), "watermark") for asset in (gone, stays)]
    assert left == [None, "1"]
