"""Sees what Airflow deletes in its metadata database, and has it cleared in Redis after the commit.

What is seen belongs to the transaction that it was seen in. A savepoint hands it to the transaction
around it; what is rolled back is forgotten. Redis is only asked once the session has given its
connection back to the pool.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable
from functools import wraps
from typing import Any

from airflow.configuration import conf
from sqlalchemy import event
from sqlalchemy.orm import Session

_AIRFLOWS_OWN = "airflow.state.metastore.MetastoreBackend"
# The tables whose deletions say something of state.
_TABLES = {"dag_run", "task_instance", "task_state_store", "asset_state_store"}
# Where in a session is noted what was seen in each of its transactions.
_NOTES = "redis_state.deletions"
_log = logging.getLogger("redis_state.plugin")


def watch_sessions() -> None:
    """Begin to watch all sessions of this process, where Airflow's own store is not in use."""
    if conf.get("state_store", "backend", fallback=_AIRFLOWS_OWN) == _AIRFLOWS_OWN:
        return
    for name, listener in _LISTENERS.items():
        if not event.contains(Session, name, listener):
            event.listen(Session, name, listener)


def _harmless(listener: Callable[..., None]) -> Callable[..., None]:
    """Keep what goes wrong in a listener from Airflow, whose transaction it would end."""

    @wraps(listener)
    def guarded(*arguments: Any) -> None:
        try:
            listener(*arguments)
        except Exception:  # noqa: BLE001 - see above
            _log.exception(
                "What Airflow deletes now stays in Redis until it expires, because of an error:"
            )

    return guarded


@_harmless
def _on_statement(state: Any) -> None:
    # Of each statement, so the cheapest question comes first.
    if state.is_delete and getattr(state.statement.table, "name", None) in _TABLES:
        _note(state.session, lambda found: found.by_statement(state))


@_harmless
def _on_flush(session: Any, *_: Any) -> None:
    runs = [row for row in session.deleted if getattr(row, "__tablename__", None) == "dag_run"]
    if runs:
        _note(session, lambda found: found.by_flush(session, runs))


@_harmless
def _on_commit(session: Any) -> None:
    notes = session.info.get(_NOTES)
    if not notes:
        return
    ended = _current(session)
    if ended is not None and ended in notes:
        if ended.nested:
            seen = notes.pop(ended)
            # The transaction around it decides; it may have seen nothing itself.
            notes.setdefault(_around(ended), type(seen)()).add(seen)
        else:
            notes[ended].is_committed = True


@_harmless
def _on_end(session: Any, transaction: Any) -> None:
    notes = session.info.get(_NOTES)
    seen = notes.pop(transaction, None) if notes else None
    if seen is not None and seen.is_committed:
        from redis_state.plugin.clearing import clear  # noqa: PLC0415 - as above

        clear(seen)


@_harmless
def _on_begin(*_: Any) -> None:
    if "airflow.models.taskinstance" not in sys.modules:
        import redis_state.plugin.deletions  # noqa: F401, PLC0415 - not before there is a database


def _note(session: Any, look: Callable[[Any], None]) -> None:
    # The models add a listener of statements: to import them here would end Airflow's statement.
    if "airflow.models.taskinstance" not in sys.modules:
        raise RuntimeError("Airflow's models are not there yet.")
    # Few processes need them, and they import the backend.
    from redis_state.plugin.activation import does_work  # noqa: PLC0415
    from redis_state.plugin.deletions import Deletions  # noqa: PLC0415

    if not does_work():
        return
    # Airflow's next step would begin the transaction, too.
    session.connection()
    notes = session.info.setdefault(_NOTES, {})
    look(notes.setdefault(_current(session), Deletions()))


def _current(session: Any) -> Any:
    return session.get_nested_transaction() or session.get_transaction()


def _around(savepoint: Any) -> Any:
    outer = savepoint.parent
    # A flush has one of its own, that ends nothing.
    while outer.parent is not None and not outer.nested:
        outer = outer.parent
    return outer


_LISTENERS: dict[str, Callable[..., None]] = {
    "after_begin": _on_begin,
    "do_orm_execute": _on_statement,
    "before_flush": _on_flush,
    "after_commit": _on_commit,
    "after_transaction_end": _on_end,
}
