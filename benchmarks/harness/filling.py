"""A namespace and a metadata database at real size, filled as fast as their servers take it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice
from typing import Any

from redis_state.format import envelope, layout
from redis_state.scopes import AssetScope, TaskScope

NAMESPACE = "airflow"
_TASKS = 100
_KEPT = 30 * 86_400 * 1_000_000
_AGE = 3_600 * 1_000_000
_AT_A_TIME = 1_000
_JOB, _CHECKPOINT = b'"application_1764374400_0042"', b'{"offset": 123456, "rows": 7890}'
_WATERMARK = b'"2026-11-28T23:00:00+00:00"'
_DAGS = 20


@dataclass(frozen=True)
class Sizes:
    """So many task instances with two values each, and a tenth of that in assets with one."""

    instances: int

    @property
    def assets(self) -> int:
        """How many assets there are."""
        return self.instances // 10

    @property
    def values(self) -> int:
        """How many values there are in all."""
        return 2 * self.instances + self.assets

    @property
    def runs(self) -> int:
        """How many runs there are."""
        return -(-self.instances // _TASKS)


def run_of(number: int) -> tuple[str, str]:
    """Return the DAG and the id of a run."""
    return f"dag_{number % _DAGS}", f"scheduled__2026-11-28T00:00:00+00:00_{number:06}"


def fill_redis(
    client: Any, sizes: Sizes, incarnations: Mapping[tuple[str, str], int] | None = None
) -> None:
    """Write all values; ``incarnations`` of runs, where they are in a metadata database."""
    # Not of this minute, which a migration would copy twice.
    now = envelope.now() - _AGE
    ends = now + _KEPT
    pipeline = client.pipeline(transaction=False)
    for number in range(sizes.instances):
        run, task = divmod(number, _TASKS)
        names = run_of(run)
        known = 0 if incarnations is None else incarnations[names]
        place = layout.place(NAMESPACE, TaskScope(*names, f"task_{task}"))
        job = envelope.encode(_JOB, now, ends, known)
        checkpoint = envelope.encode(_CHECKPOINT, now, ends, known)
        until = envelope.native_deadline(ends)
        fields = (place.field("job_id"), job, place.field("checkpoint"), checkpoint)
        pipeline.execute_command("HSETEX", place.page, "PXAT", until, "FIELDS", 2, *fields)
        if number % _AT_A_TIME == 0:
            pipeline.execute()
    for asset in range(1, sizes.assets + 1):
        place = layout.place(NAMESPACE, AssetScope(asset_id=asset))
        raw = envelope.encode(_WATERMARK, now, envelope.NEVER)
        pipeline.execute_command("HSET", place.page, place.field("watermark"), raw)
        if asset % _AT_A_TIME == 0:
            pipeline.execute()
    pipeline.execute()


def fill_metadata(url: str, sizes: Sizes) -> dict[tuple[str, str], int]:
    """Make the tables, the runs and the assets; return the incarnation of each run."""
    from airflow.models import DagRun  # noqa: PLC0415 - where Airflow is
    from airflow.models.asset import AssetActive, AssetModel  # noqa: PLC0415
    from sqlalchemy import insert, select  # noqa: PLC0415

    from redis_state.airflow import run_identity  # noqa: PLC0415
    from tests.with_airflow.server.metadata import Metadata  # noqa: PLC0415

    metadata = Metadata(url)
    for dag in {run_of(number)[0] for number in range(sizes.runs)}:
        metadata.dag(dag)
    now = datetime.now(UTC)
    common = {"run_type": "scheduled", "state": "success", "run_after": now, "start_date": now}
    with metadata.session() as session:
        for numbers in _parts(sizes.runs):
            names = (run_of(number) for number in numbers)
            rows = [{"dag_id": dag, "run_id": run, **common} for dag, run in names]
            session.execute(insert(DagRun), rows)
        for numbers in _parts(sizes.assets):
            ids = [number + 1 for number in numbers]
            assets = [{"name": f"asset_{each}", "uri": f"s3://bucket/{each}"} for each in ids]
            session.execute(insert(AssetModel), [{"group": "", **each} for each in assets])
            session.execute(insert(AssetActive), assets)
    with metadata.session() as session:
        query = select(DagRun.dag_id, DagRun.run_id, DagRun.id, DagRun.created_at)
        runs = {(dag, run): run_identity.number(*row) for dag, run, *row in session.execute(query)}
    metadata.close()
    return runs


def delete_runs(url: str, sizes: Sizes) -> None:
    """Delete each tenth run, by a statement that nobody sees."""
    from sqlalchemy import create_engine, text  # noqa: PLC0415 - where Airflow is

    names = [run_of(number)[1] for number in range(0, sizes.runs, 10)]
    with create_engine(url).begin() as connection:
        statement = text("DELETE FROM dag_run WHERE run_id = ANY(:names)")
        connection.execute(statement, {"names": names})


def _parts(count: int) -> Any:
    numbers = iter(range(count))
    return iter(lambda: list(islice(numbers, _AT_A_TIME)), [])
