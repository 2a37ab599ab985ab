"""The metadata databases behind the API servers: PostgreSQL, as in production, if it is here."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.contenders import DICT, METASTORE_POSTGRESQL, METASTORE_SQLITE, OURS, postgresql


@contextmanager
def metadata_databases(*, with_sqlite: bool = True) -> Iterator[dict[str, str]]:
    """Give each contender the URL of one: all have the same, but for the metastore on SQLite.

    Without PostgreSQL, all are on SQLite.
    """
    with TemporaryDirectory(prefix="redis-state-metadata-") as folder:
        sqlite = f"sqlite:///{Path(folder) / 'airflow.db'}"
        if postgresql.lack():
            yield dict.fromkeys((OURS, DICT, METASTORE_SQLITE), sqlite)
            return
        with postgresql.running() as url:
            shared = dict.fromkeys((OURS, DICT, METASTORE_POSTGRESQL), url)
            yield shared | ({METASTORE_SQLITE: sqlite} if with_sqlite else {})


def describe() -> str:
    """Name the database that the contenders share."""
    lack = postgresql.lack()
    return f"SQLite: {lack}" if lack else f"PostgreSQL {postgresql.version()}"
