"""Whose the namespace is: two Airflows in one read and overwrite each other's state."""

from __future__ import annotations

from collections.abc import Iterator

from redis_state.admin.health.report import Finding, told
from redis_state.errors import StateStoreError
from redis_state.format.owner import Owner, another_owner


def check(
    namespace: str, mark: Owner | StateStoreError | None, database: str | None
) -> Iterator[Finding]:
    """Compare the mark with the metadata database, where this process has one."""
    subject = f"namespace {namespace}"
    if isinstance(mark, StateStoreError):
        found, remedy = told(mark)
        yield Finding("owner", subject, "unknown", f"whose it is: {found}", remedy)
    elif mark is None:
        # No API server has marked it yet, or it is not in use.
        return
    elif database is None:
        found = f"that of the metadata database {mark.database}, since {mark.since}"
        yield Finding("owner", subject, "ok", found)
    elif mark.database == database:
        yield Finding("owner", subject, "ok", f"this Airflow's, since {mark.since}")
    else:
        yield Finding("owner", subject, "failure", *another_owner(namespace, mark, database))
