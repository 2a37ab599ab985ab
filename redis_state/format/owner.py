"""The owner of a namespace: the metadata database whose Airflow keeps its state there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Owner:
    """The id of a metadata database, and when it came to own the namespace (ISO 8601, UTC)."""

    database: str
    since: str


def owner_key(namespace: str) -> str:
    """Return the Redis key of the mark, which no page and no other namespace can have."""
    return f"{namespace}:{{owner}}"


def read_owner(fields: list[Any]) -> Owner | None:
    """Read the fields ``database`` and ``since`` of a mark; None where there is none."""
    database, since = (b"" if field is None else field for field in fields)
    if not database:
        return None
    return Owner(database.decode("utf-8", "replace"), since.decode("utf-8", "replace"))


def another_owner(namespace: str, owner: Owner, database: str) -> tuple[str, str]:
    """Return what it means that the namespace is another's, and what to do."""
    meaning = (
        f"The namespace {namespace!r} belongs to another Airflow, of the metadata database "
        f"{owner.database} since {owner.since}; this one's is {database}. "
        "Both read and overwrite each other's state"
    )
    remedy = (
        "Set another [redis_state] namespace here; or, if this Airflow is to take the other's "
        f"place, remove its mark in Redis: `DEL {owner_key(namespace)}`."
    )
    return meaning, remedy
