"""The check of the DAGs' own delays: a task that waits longer for a retry than its state lives."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from airflow import settings
from airflow.models import DagModel
from airflow.models.dag_version import DagVersion
from airflow.models.serialized_dag import SerializedDagModel
from airflow.sdk import DAG, BaseOperator
from airflow.serialization.serialized_objects import LazyDeserializedDAG
from sqlalchemy import create_engine
from sqlalchemy.orm import sessionmaker

from redis_state import RedisStateBackend
from redis_state.admin.health import dags
from redis_state.admin.health.airflows import Surroundings
from redis_state.admin.health.report import Finding
from redis_state.airflow import retries
from redis_state.airflow.state_store import OURS, Configured
from redis_state.cli import main
from redis_state.config.settings import Settings
from tests.with_airflow.operations.tables import Tables
from tests.with_airflow.server.metadata import BUNDLE

A_DAY = 86_400
AROUND = Surroundings(store=Configured(OURS, is_ours=True), lifetimes=(A_DAY, 300))
TWO_DAYS = {"retries": 1, "retry_delay": timedelta(days=2)}


@pytest.fixture(autouse=True)
def _no_dags(tables: Tables) -> None:
    with tables.metadata.session() as session:
        session.query(SerializedDagModel).delete()


def write(tables: Tables, dag: DAG) -> str:
    """Write a DAG as Airflow's DAG processor does."""
    tables.metadata.dag(dag.dag_id)
    with tables.metadata.session() as session:
        session.query(DagVersion).filter_by(dag_id=dag.dag_id).delete()
        session.get(DagModel, dag.dag_id).is_stale = False
        serialized = LazyDeserializedDAG.from_dag(dag)
        assert SerializedDagModel.write_dag(serialized, bundle_name=BUNDLE, session=session)
    return str(dag.dag_id)


def dag_of(dag_id: str, options: dict[str, Any] | None = None, **common: Any) -> DAG:
    with DAG(dag_id, schedule=None, default_args=common) as dag:
        BaseOperator(task_id="task", **options or {})
    return dag


def finding() -> Finding:
    (found,) = dags.check(Settings(), AROUND)
    return found


@pytest.mark.parametrize(
    ("options", "longest"),
    [
        (TWO_DAYS, "2 days, 0:00:00"),
        ({"retries": 1, "retry_delay": timedelta(days=1)}, "1 day, 0:00:00"),
        (
            {"retries": 12, "retry_delay": timedelta(minutes=5), "retry_exponential_backoff": 2},
            "1 day, 0:00:00",
        ),
        (
            {"retries": 9, "retry_delay": timedelta(hours=12), "retry_exponential_backoff": 0.5},
            "1 day, 0:00:00",
        ),
    ],
    ids=["longer", "as-long", "grows", "shrinks"],
)
@pytest.mark.parametrize("where", ["task", "dag"])
def test_a_task_that_waits_longer_than_its_state_lives_is_named(
    tables: Tables, options: dict[str, Any], longest: str, where: str
) -> None:
    name = f"slow-{where}-{options['retries']}-{longest[0]}-{len(options)}"
    write(tables, dag_of(name, options) if where == "task" else dag_of(name, **options))
    found = finding()
    assert (found.name, found.verdict) == ("retries", "warning")
    assert f"before a retry begins: {name}.task up to {longest} (1 DAG)" in found.found


def test_a_mapped_task_is_named(tables: Tables) -> None:
    with DAG("mapped-slow", schedule=None) as dag:
        BaseOperator.partial(task_id="task", **TWO_DAYS).expand(doc=["a", "b"])
    write(tables, dag)
    assert "mapped-slow.task up to 2 days" in finding().found


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"retries": 0, "retry_delay": timedelta(days=2)},
        {"retries": 3, "retry_delay": timedelta(hours=23)},
        {
            "retries": 12,
            "retry_delay": timedelta(minutes=5),
            "retry_exponential_backoff": 2,
            "max_retry_delay": timedelta(hours=2),
        },
    ],
    ids=["no-retry", "never-retried", "shorter", "bounded"],
)
def test_a_task_that_does_not_is_left_alone(tables: Tables, options: dict[str, Any]) -> None:
    write(tables, dag_of(f"quick-{len(options)}-{options.get('retries')}", options))
    found = finding()
    assert found.verdict == "ok"
    assert "(1 DAG)" in found.found


def test_only_the_newest_version_counts_and_no_dag_that_is_gone(tables: Tables) -> None:
    dag_id = write(tables, dag_of("mended", {"retries": 1}))
    with tables.metadata.session() as session:
        older = SerializedDagModel(LazyDeserializedDAG.from_dag(dag_of(dag_id, TWO_DAYS)))
        older.created_at = datetime.now(UTC) - timedelta(days=1)
        older.dag_version = DagVersion(dag_id=dag_id, version_number=0)
        session.add(older)
    gone = write(tables, dag_of("gone", TWO_DAYS))
    with tables.metadata.session() as session:
        session.get(DagModel, gone).is_stale = True
    assert finding().verdict == "ok"


def test_of_many_dags_it_says_that_it_looked_at_some(
    tables: Tables, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retries, "MOST_DAGS", 2)
    for number in range(3):
        write(tables, dag_of(f"of-many-{number}", TWO_DAYS))
    assert "(2 DAGs, those that changed last)" in finding().found


@pytest.mark.parametrize(
    "data", [{}, {"dag": {"tasks": [7]}}, {"dag": {"tasks": [{"retries": 1}]}}]
)
def test_a_dag_that_cannot_be_read_is_counted_and_hides_no_other(
    tables: Tables, data: dict[str, Any]
) -> None:
    broken = write(tables, dag_of(f"broken-{len(str(data))}"))
    other = write(tables, dag_of(f"beside-{broken}", TWO_DAYS))
    with tables.metadata.session() as session:
        session.query(SerializedDagModel).filter_by(dag_id=broken).update({"_data": data})
    found = finding()
    assert f"{other}.task up to 2 days" in found.found
    assert found.found.endswith("(1 DAG; 1 cannot be read)")


def test_where_state_lives_for_ever_nothing_is_asked() -> None:
    around = Surroundings(store=AROUND.store, lifetimes=(0, 300))
    assert not list(dags.check(Settings(worker_retention_days=0), around))


@pytest.mark.parametrize(
    ("path", "words"), [("", "lacks Airflow's tables"), ("no-such-folder/", "cannot be used")]
)
def test_without_a_database_it_is_unknown(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, path: str, words: str
) -> None:
    engine = create_engine(f"sqlite:///{tmp_path}/{path}airflow.db")
    monkeypatch.setattr(settings, "NonScopedSession", sessionmaker(engine))
    found = finding()
    assert found.verdict == "unknown"
    assert words in found.found
    assert found.remedy


def test_the_command_tells_it(
    tables: Tables,
    backend: RedisStateBackend,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    dag_id = write(tables, dag_of(f"told-{uuid4().hex[:6]}", TWO_DAYS))
    monkeypatch.setenv("AIRFLOW__REDIS_STATE__URL", backend.settings.url.get_secret_value())
    monkeypatch.setenv("AIRFLOW__REDIS_STATE__NAMESPACE", backend.settings.namespace)
    monkeypatch.setenv("AIRFLOW__STATE_STORE__BACKEND", OURS)
    monkeypatch.setenv("AIRFLOW__STATE_STORE__DEFAULT_RETENTION_DAYS", "1")
    main(["health", "-o", "json"])
    findings = json.loads(capsys.readouterr().out)["findings"]
    (found,) = (each for each in findings if each["name"] == "retries")
    assert f"{dag_id}.task up to 2 days" in found["found"]
