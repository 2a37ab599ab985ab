"""The command `migrate` there and back, of many rows, while tasks write."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from redis_state import RedisStateBackend, TaskScope
from tests.matrix import FIELD_FORM, ROWS
from tests.support.writing import writing
from tests.with_airflow.operations.tables import Tables
from tests.with_airflow.server.airflow_home import Home

THEN = datetime(2026, 3, 1, 12, 0, 0, 123_456, UTC)
ENDS = datetime(2126, 3, 1, 12, 0, 0, 654_321, UTC)
TO_REDIS, BACK = ("--from", "metastore", "--to", "redis"), ("--from", "redis", "--to", "metastore")
# Of all rows, tasks write these.
BUSY = 50


def key_of(number: int) -> str:
    return f"key {number % BUSY:06}"


@pytest.mark.parametrize("server_name", [FIELD_FORM])
def test_rows_are_equal_there_and_back(
    tables: Tables, backend: RedisStateBackend, home: Home
) -> None:
    task = tables.metadata.instance().scope
    namespace = {"AIRFLOW__REDIS_STATE__NAMESPACE": backend.settings.namespace}

    def migrate(*arguments: str) -> None:
        status, said = home.run("redis_state", "migrate", *arguments, **namespace)
        assert status == 0, said

    values = {f"key {number:06}": f'"{number}"' for number in range(ROWS)}
    tables.put_rows(task, values, THEN, ENDS)
    with writing(
        lambda turn: tables.update(task, key_of(turn), f"there {turn}", datetime.now(UTC))
    ):
        migrate(*TO_REDIS)
    migrate(*TO_REDIS)
    before = tables.all(exact=False)
    assert len(before) == ROWS

    tables.empty()
    with writing(lambda turn: _write_here(backend, tables, task, turn)):
        migrate(*BACK)
    migrate(*BACK)
    after = tables.all(exact=False)
    assert _quiet(after) == _quiet(before)
    assert len(_quiet(after)) == ROWS - BUSY
    with tables.metadata.session() as session:
        there = backend.entries(task, session=session)
    for number in range(BUSY):
        row = tables.get(task, key_of(number))
        entry = there[key_of(number)]
        assert row is not None
        assert (row[0], row[1], row[2]) == (entry.value, entry.updated_at, entry.expires_at)


def _write_here(backend: RedisStateBackend, tables: Tables, task: TaskScope, turn: int) -> None:
    ends = ENDS + timedelta(microseconds=turn)
    with tables.metadata.session() as session:
        backend.set(task, key_of(turn), f"here {turn}", expires_at=ends, session=session)


def _quiet(rows: set[tuple[Any, ...]]) -> set[tuple[Any, ...]]:
    busy = {key_of(number) for number in range(BUSY)}
    return {row for row in rows if busy.isdisjoint(row)}
