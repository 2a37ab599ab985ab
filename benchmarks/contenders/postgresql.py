"""A PostgreSQL for Airflow's metadata, as in production, where its programs and a driver are."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.harness.installed import HAS_AIRFLOW, version_of

if TYPE_CHECKING or HAS_AIRFLOW:
    from tests.with_airflow.server.postgresql import PostgreSQL, program

# Where `make bench` and `make test-slow` put the drivers.
_DRIVERS = Path(__file__).parents[2] / ".venv-postgresql"
_PROGRAMS = ("initdb", "postgres", "pg_isready")


def lack() -> str | None:
    """Say what is missing to run one, if anything is."""
    if not HAS_AIRFLOW:
        return "there is no Airflow here"
    if _DRIVERS.exists() and str(_DRIVERS) not in sys.path:
        sys.path.append(str(_DRIVERS))
    try:
        import_module("psycopg2")
    except ImportError:
        return "there is no psycopg2 here"
    try:
        for name in _PROGRAMS:
            program(name)
    except FileNotFoundError:
        return "there is no PostgreSQL here"
    return None


def can_count() -> bool:
    """Tell whether it can count statements."""
    try:
        asked = [program("pg_config"), "--pkglibdir"]
    except FileNotFoundError:
        return False
    folder = Path(subprocess.check_output(asked, text=True).strip())  # noqa: S603
    return any(folder.glob("pg_stat_statements.*"))


@contextmanager
def running(*, is_counting: bool = False) -> Iterator[str]:
    """Run a server with its defaults in a temporary folder, and yield its URL."""
    options = ("-c", "shared_preload_libraries=pg_stat_statements") if is_counting else ()
    with PostgreSQL(*options) as server:
        yield server.url


def version() -> str:
    """Name its version, and that of the driver."""
    said = subprocess.check_output([program("postgres"), "--version"], text=True)  # noqa: S603
    return f"{said.split()[2]}, with its defaults; psycopg2 {version_of('psycopg2-binary')}"
