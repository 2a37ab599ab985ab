"""A metadata database that is away, as an error that says so."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from redis_state.errors import UnavailableError


@contextmanager
def told() -> Iterator[None]:
    """Raise an `UnavailableError` where the database is away; what else is wrong stays as it is."""
    from sqlalchemy.exc import InterfaceError, OperationalError

    try:
        yield
    except (InterfaceError, OperationalError) as error:
        # What it says may hold its password.
        raise UnavailableError(
            "The metadata database cannot be used: see whether it runs, and "
            f"[database] sql_alchemy_conn ({type(error.orig).__name__})."
        ) from None
