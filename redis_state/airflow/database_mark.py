"""The id of the metadata database: random, and kept there as an Airflow variable.

Nothing else in it differs from every other one's, and its address changes: by a failover, or by a
proxy in front of it. A process that has no metadata database has no id.
"""

from __future__ import annotations

import logging
import threading
from importlib import import_module
from typing import Any
from uuid import uuid4

from redis_state.errors import MisconfiguredError

VARIABLE = "redis_state_owner"
_DESCRIPTION = (
    "Tells redis-state whose state a namespace in Redis holds: the id of this metadata database. "
    "Do not remove or change it, nor copy it to another Airflow."
)
_log = logging.getLogger(__name__)
_known: dict[str, str] = {}
_making = threading.Lock()


def known() -> str | None:
    """Return the id, if this process has read it."""
    return _known.get(VARIABLE)


def read(session: Any) -> str | None:
    """Return the id, by a query at most once; None where it is not there, or nobody can know."""
    if session is not None and VARIABLE not in _known:
        try:
            from sqlalchemy.orm import Session
        except ImportError:
            return None
        # Others that Airflow hands in are closed, or belong to a test.
        if isinstance(session, Session) and (found := _select(session)):
            _known[VARIABLE] = found
    return known()


def make() -> str:
    """Return the id, and make it where there is none, in a transaction of its own."""
    if (id_ := known()) is not None:
        return id_
    from sqlalchemy.exc import IntegrityError

    with import_module("airflow.utils.session").create_session(scoped=False) as session:
        found = _select(session)
        if found is None:
            try:
                session.execute(_table().insert().values(_row()))
                session.commit()
            except IntegrityError:
                # Another process has made it meanwhile.
                session.rollback()
            found = _select(session)
    if not found:
        raise MisconfiguredError(f"The Airflow variable {VARIABLE} is empty: remove it.")
    _known[VARIABLE] = found
    return found


def make_soon() -> None:
    """Do as ``make`` does, in a thread, unless one is at it."""
    if _making.acquire(blocking=False):
        threading.Thread(target=_make, name="redis-state database mark", daemon=True).start()


def _make() -> None:
    try:
        make()
    except Exception as error:  # noqa: BLE001 - whatever the database says, the next call asks again
        _log.warning("The mark of the metadata database was not made: %s.", type(error).__name__)
    finally:
        _making.release()


def _select(session: Any) -> str | None:
    columns = _table().c
    query = _table().select().where(columns.key == VARIABLE)
    row = session.execute(query.with_only_columns(columns.val, columns.is_encrypted)).first()
    if row is None or not row.is_encrypted:
        return None if row is None else str(row.val)
    # Somebody has saved it in Airflow's UI.
    fernet = import_module("airflow.models.crypto").get_fernet()
    why = "[core] fernet_key is empty"
    try:
        # Without a key, Airflow gives back what it is given.
        if fernet.is_encrypted:
            return str(fernet.decrypt(row.val.encode()).decode())
    except Exception as error:  # noqa: BLE001 - whatever it says, it may tell a secret
        why = type(error).__name__
    raise MisconfiguredError(
        f"The Airflow variable {VARIABLE} cannot be decrypted ({why}): give this process the "
        "[core] fernet_key that it was written with."
    )


def _table() -> Any:
    return import_module("airflow.models.variable").Variable.__table__


def _row() -> dict[str, Any]:
    # Not encrypted, so that no fernet_key is needed to compare it.
    return {
        "key": VARIABLE,
        "val": str(uuid4()),
        "description": _DESCRIPTION,
        "is_encrypted": False,
    }
