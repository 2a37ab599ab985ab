"""A metadata database that is away, or is not Airflow's yet, as an error that says so."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from redis_state.errors import MisconfiguredError, UnavailableError


@contextmanager
def told() -> Iterator[None]:
    """Raise an error of ours where the database is away, or has no tables; others stay."""
    from sqlalchemy.exc import InterfaceError, OperationalError, ProgrammingError

    try:
        yield
    except (InterfaceError, OperationalError, ProgrammingError) as error:
        if _has_no_table(error.orig):
            raise MisconfiguredError(
                "The metadata database lacks Airflow's tables: run `airflow db migrate`, or see "
                "[database] sql_alchemy_conn."
            ) from None
        if isinstance(error, ProgrammingError):
            raise
        raise unusable(error.orig) from None


def unusable(error: object) -> UnavailableError:
    """Return an error of ours for one of the database's, whose own words may hold its password."""
    return UnavailableError(
        "The metadata database cannot be used: see whether it runs, and "
        f"[database] sql_alchemy_conn ({type(error).__name__}). Tasks cannot reach it."
    )


def _has_no_table(error: object) -> bool:
    # As psycopg2, SQLite and MySQL say it.
    said = str(error)
    return type(error).__name__ == "UndefinedTable" or "no such table" in said or "(1146," in said
