"""An empty metadata database: SQLite, or PostgreSQL in the slow lane that asks for it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests import matrix
from tests.with_airflow.server.postgresql import PostgreSQL


@contextmanager
def empty_database(folders: pytest.TempPathFactory) -> Iterator[str]:
    """Give its URL."""
    if matrix.METADATA == "postgresql":
        with PostgreSQL("-c", "fsync=off") as running:
            yield running.url
    else:
        yield f"sqlite:///{folders.mktemp('metadata') / 'airflow.db'}"
