"""Fixtures: a metadata database of Airflow, and servers of both forms, for what operators do."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from redis_state import RedisStateBackend
from tests import matrix
from tests.with_airflow.conftest import HAS_CORE

if TYPE_CHECKING or HAS_CORE:
    from airflow import settings

    from redis_state.airflow import database_mark
    from tests.with_airflow.operations.tables import Tables
    from tests.with_airflow.server.airflow_home import Home
    from tests.with_airflow.server.metadata import Metadata
    from tests.with_airflow.server.postgresql import PostgreSQL

    # Of one lane: the others would only prove it again.
    collect_ignore = [] if matrix.GUIDES else ["test_guides.py", "test_many_rows.py"]
    if matrix.METADATA == "sqlite":
        # It is no server that could go away.
        collect_ignore.append("test_database_away.py")
else:
    # The task SDK alone has no metadata.
    collect_ignore_glob = ["test_*.py"]


@pytest.fixture(params=matrix.ONE_OF_EACH_FORM)
def server_name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="session")
def postgresql() -> Iterator[PostgreSQL]:
    with PostgreSQL("-c", "fsync=off") as running:
        yield running


@pytest.fixture(scope="session")
def database(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> str:
    """Give the URL of a metadata database: SQLite, or PostgreSQL as in `make test-slow`."""
    if matrix.METADATA == "postgresql":
        return str(request.getfixturevalue("postgresql").url)
    return f"sqlite:///{tmp_path_factory.mktemp('metadata') / 'airflow.db'}"


@pytest.fixture(scope="session")
def metadata(database: str) -> Iterator[Metadata]:
    made = Metadata(database)
    yield made
    made.close()


@pytest.fixture
def home(tmp_path: Path, database: str, backend: RedisStateBackend) -> Home:
    """Give the environment of a process of this Airflow."""
    return Home(tmp_path, backend.settings.url.get_secret_value(), database)


@pytest.fixture
def tables(metadata: Metadata, monkeypatch: pytest.MonkeyPatch) -> Iterator[Tables]:
    """Give Airflow's tables of state, which this process uses and which are empty at first."""
    monkeypatch.setattr(settings, "NonScopedSession", metadata.sessions)
    monkeypatch.setattr(database_mark, "_known", {})
    tables = Tables(metadata)
    tables.empty()
    yield tables
    tables.empty()
