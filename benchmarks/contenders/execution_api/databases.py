"""The metadata database behind the API servers: PostgreSQL, as in production, if it is here."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.contenders import METASTORE_POSTGRESQL, METASTORE_SQLITE, postgresql


def baseline() -> str:
    """Name the metastore that the others are compared with."""
    return METASTORE_SQLITE if postgresql.lack() else METASTORE_POSTGRESQL


@contextmanager
def metadata_database() -> Iterator[str]:
    """Run the database that all contenders share, and yield its URL."""
    if not postgresql.lack():
        with postgresql.running(is_counting=postgresql.can_count()) as url:
            yield url
        return
    with TemporaryDirectory(prefix="redis-state-metadata-") as folder:
        yield f"sqlite:///{Path(folder) / 'airflow.db'}"


def describe() -> str:
    """Name it."""
    lack = postgresql.lack()
    return f"SQLite: {lack}" if lack else f"PostgreSQL {postgresql.version()}"
