"""Opens the contenders that need a real Airflow instead of Redis, one of them with PostgreSQL."""

from __future__ import annotations

import contextlib
import os
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.contenders import (
    METASTORE_POSTGRESQL,
    METASTORE_SQLITE,
    OBJECT_STORAGE,
    Store,
    postgresql,
)
from benchmarks.contenders.metastore import Metastore, add_run
from benchmarks.contenders.object_storage import ObjectStorage
from benchmarks.harness.installed import HAS_AIRFLOW
from benchmarks.harness.progress import track


@dataclass
class AirflowStores:
    """The contenders, what to know about them, and which are missing for what reason."""

    stores: dict[str, Store] = field(default_factory=dict)
    facts: dict[str, str] = field(default_factory=dict)
    missing: dict[str, str] = field(default_factory=dict)


@contextlib.contextmanager
def open_airflow_stores() -> Iterator[AirflowStores]:
    """Open what is to be had here, and remove it at the end."""
    found = AirflowStores()
    if not HAS_AIRFLOW:
        names = (METASTORE_SQLITE, METASTORE_POSTGRESQL, OBJECT_STORAGE)
        found.missing = dict.fromkeys(names, "there is no Airflow here")
        yield found
        return
    with (
        tempfile.TemporaryDirectory(prefix="redis-state-") as name,
        contextlib.ExitStack() as stack,
    ):
        folder = Path(name)
        urls = {METASTORE_SQLITE: f"sqlite:///{folder / 'airflow.db'}"}
        found.facts["SQLite"] = sqlite3.sqlite_version
        if lack := postgresql.lack():
            found.missing[METASTORE_POSTGRESQL] = lack
        else:
            urls[METASTORE_POSTGRESQL] = stack.enter_context(postgresql.running())
            found.facts["PostgreSQL"] = postgresql.version()
        _migrate(folder, urls)
        for contender, url in urls.items():
            add_run(url)
            metastore = Metastore(url)
            stack.callback(metastore.close)
            found.stores[contender] = metastore
        found.stores[OBJECT_STORAGE] = ObjectStorage(folder / "objects")
        yield found


def _migrate(folder: Path, urls: dict[str, str]) -> None:
    """Let Airflow make its tables, in all databases at the same time."""
    running = {
        name: _start_migration(folder / str(i), u) for i, (name, u) in enumerate(urls.items())
    }
    for name, process in track("tables of Airflow", list(running.items())):
        said = process.communicate()[0]
        if process.returncode:
            raise RuntimeError(f"Airflow could not make the tables of {name}:\n{said}")


def _start_migration(home: Path, url: str) -> subprocess.Popen[str]:
    environment = os.environ | {
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": url,
        "PYTHONPATH": os.pathsep.join(path for path in sys.path if path),
    }
    return subprocess.Popen(
        [sys.executable, "-m", "airflow", "db", "migrate"],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
