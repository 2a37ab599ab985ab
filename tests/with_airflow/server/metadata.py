"""The metadata database: DAGs, runs, task instances and assets, made with Airflow's own models."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

from airflow.executors.workloads import BundleInfo, ExecuteTask
from airflow.models import DagModel, DagRun, TaskInstance, import_all_models
from airflow.models.asset import AssetActive, AssetModel
from airflow.models.base import Base
from airflow.models.dag_version import DagVersion
from airflow.models.dagbundle import DagBundleModel
from airflow.sdk import DAG, BaseOperator
from airflow.utils.orm_event_handlers import setup_event_handlers
from airflow.utils.state import DagRunState, TaskInstanceState
from airflow.utils.types import DagRunType
from sqlalchemy import NullPool, create_engine, select
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.orm import sessionmaker

from redis_state import TaskScope
from redis_state.scopes import ZERO_REGION

BUNDLE = "dags-folder"
HAS_REGIONS = hasattr(TaskInstance, "region_id")


@dataclass(frozen=True)
class Instance:
    """A task instance: its id in Airflow, and where its state lies."""

    id: UUID
    scope: TaskScope


@dataclass(frozen=True)
class Asset:
    """An asset: its id in Airflow, and the two names it is asked for by."""

    id: int
    name: str
    uri: str


class Metadata:
    """A database of Airflow's tables, and what a test adds to it."""

    def __init__(self, url: str) -> None:
        threads = {"check_same_thread": False} if url.startswith("sqlite") else {}
        self.engine = create_engine(url, connect_args=threads)
        setup_event_handlers(self.engine)
        import_all_models()
        # What `airflow db migrate` does to an empty database.
        Base.metadata.create_all(self.engine)
        self.sessions = sessionmaker(self.engine, autoflush=False, expire_on_commit=False)

    @contextmanager
    def session(self) -> Iterator[Any]:
        with self.sessions.begin() as session:
            yield session

    def dag(self, dag_id: str | None = None) -> str:
        dag_id = dag_id or f"dag-{uuid4().hex[:12]}"
        with self.session() as session:
            session.merge(DagBundleModel(name=BUNDLE))
            session.flush()
            session.add(
                DagModel(
                    dag_id=dag_id,
                    bundle_name=BUNDLE,
                    max_active_tasks=16,
                    max_consecutive_failed_dag_runs=0,
                    has_task_concurrency_limits=False,
                )
            )
            session.flush()
            session.add(DagVersion(dag_id=dag_id, version_number=1))
        return dag_id

    def run(self, dag_id: str, run_id: str = "run") -> int:
        """Add a run, and return the id of its row."""
        with self.session() as session:
            run = DagRun(
                dag_id=dag_id,
                run_id=run_id,
                run_type=DagRunType.MANUAL,
                state=DagRunState.RUNNING,
                run_after=datetime.now(UTC),
                start_date=datetime.now(UTC),
            )
            session.add(run)
            session.flush()
            return int(run.id)

    def delete_run(self, dag_id: str, run_id: str = "run") -> None:
        with self.session() as session:
            session.delete(session.scalar(select(DagRun).filter_by(dag_id=dag_id, run_id=run_id)))

    def instances(
        self,
        dag_id: str,
        *indices: int,
        run_id: str = "run",
        task_id: str = "task",
        region_id: UUID = ZERO_REGION,
    ) -> list[Instance]:
        """Add instances of a task to a run: a mapped one for each index, -1 for one that is not."""
        region = {} if region_id == ZERO_REGION else {"region_id": region_id}
        with DAG(dag_id, schedule=None):
            operator = BaseOperator(task_id=task_id)
        with self.session() as session:
            version = session.scalar(select(DagVersion).filter_by(dag_id=dag_id))
            rows = [
                TaskInstance(
                    operator,
                    version.id,
                    run_id=run_id,
                    state=TaskInstanceState.RUNNING,
                    map_index=map_index,
                    **region,
                )
                for map_index in indices or (-1,)
            ]
            session.add_all(rows)
            session.flush()
            return [
                Instance(row.id, TaskScope(dag_id, run_id, task_id, row.map_index, region_id))
                for row in rows
            ]

    def region(self, dag_id: str, *, run_id: str = "run", task_id: str = "task") -> UUID:
        """Let a mapped task be expanded: since 3.4, its instances have a region of their own."""
        if not HAS_REGIONS:
            return ZERO_REGION
        from airflow.models.dynamic_region import DynamicRegion  # noqa: PLC0415 - since 3.4

        where = {"dag_id": dag_id, "run_id": run_id, "node_id": task_id}
        with self.session() as session:
            region: UUID = DynamicRegion.get_or_create(**where, session=session).id
            return region

    def instance(self, *, run_id: str = "run") -> Instance:
        """Add an instance of a task that is not mapped, in a DAG and a run of its own."""
        dag_id = self.dag()
        self.run(dag_id, run_id)
        (instance,) = self.instances(dag_id, run_id=run_id)
        return instance

    def update(self, instance: Instance, **columns: Any) -> None:
        with self.session() as session:
            row = session.get(TaskInstance, instance.id)
            for name, value in columns.items():
                setattr(row, name, value)

    def workload(self, instance: Instance, dag_file: str, tokens: Any) -> str:
        """Queue a task instance, and give what the scheduler hands to an executor."""
        with self.session() as session:
            row = session.get(TaskInstance, instance.id)
            row.state, row.queue = TaskInstanceState.QUEUED, "default"
            row.try_number += 1
            bundle = BundleInfo(name=BUNDLE)
            workload = ExecuteTask.make(row, Path(dag_file), tokens, bundle)
            return str(workload.model_dump_json())

    def latest(self, instance: Instance) -> Instance:
        """Find a task instance again, which has a new id after each try."""
        scope = instance.scope
        names = {"dag_id": scope.dag_id, "run_id": scope.run_id, "task_id": scope.task_id}
        with self.session() as session:
            rows = select(TaskInstance.id).filter_by(**names, map_index=scope.map_index)
            return Instance(session.scalar(rows), scope)

    def state(self, instance: Instance) -> str | None:
        with self.session() as session:
            state: str | None = session.get(TaskInstance, instance.id).state
            return state

    def asset(
        self, name: str | None = None, *, active: bool = True, asset_id: int | None = None
    ) -> Asset:
        name = name or f"asset-{uuid4().hex[:12]}"
        with self.session() as session:
            row = AssetModel(name=name, uri=f"s3://bucket/{uuid4()}", group="asset")
            row.id = asset_id
            session.add(row)
            session.flush()
            if active:
                session.add(AssetActive.for_asset(row))
            return Asset(row.id, row.name, row.uri)

    def async_engine(self) -> Any:
        """Give an engine that keeps no connection open."""
        driver = {"sqlite": "sqlite+aiosqlite", "postgresql": "postgresql+asyncpg"}
        url = self.engine.url.set(drivername=driver[self.engine.dialect.name])
        return create_async_engine(url, poolclass=NullPool)

    def close(self) -> None:
        self.engine.dispose()
