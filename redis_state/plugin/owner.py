"""Looks whose the namespace is, in an API server: marks it, or says loudly that it is another's.

It does so in a thread: a Redis or a database that is away delays nothing, and is asked again.
"""

from __future__ import annotations

import logging
import threading
from dataclasses import dataclass

from redis_state.airflow import database_mark
from redis_state.backends.server import RedisStateBackend
from redis_state.errors import MisconfiguredError, StateStoreError
from redis_state.format.owner import Owner, another_owner

# Seconds: at first, and at most. A namespace that is another's is looked at again, too.
_FIRST_PAUSE = 1.0
_LONGEST_PAUSE = 60.0
_log = logging.getLogger("redis_state.plugin")


@dataclass(frozen=True, slots=True)
class Warned:
    """What everybody should read as long as the namespace is another's."""

    meaning: str
    remedy: str
    owner: Owner


class Watch:
    """Looks until the namespace is this Airflow's."""

    def __init__(self, backend: RedisStateBackend) -> None:
        self._backend = backend
        self._told: object = None
        self.warned: Warned | None = None

    def start(self) -> None:
        """Begin, in a thread of its own."""
        threading.Thread(target=self._run, name="redis-state owner", daemon=True).start()

    def look(self) -> bool:
        """Look once, and say in the log what is new; tell whether that is all."""
        try:
            database = database_mark.make()
            owner = self._backend.claim(database)
        except Exception as error:  # noqa: BLE001 - Redis, the database, or what else is away
            return self._unknown(error)
        if owner.database == database:
            was_warned, self.warned = self.warned, None
            level = logging.WARNING if was_warned else logging.DEBUG
            namespace = self._backend.settings.namespace
            _log.log(level, "The namespace %r is this Airflow's, since %s.", namespace, owner.since)
            return True
        meaning, remedy = another_owner(self._backend.settings.namespace, owner, database)
        self.warned = Warned(meaning, remedy, owner)
        self._say(logging.ERROR, f"{meaning}. {remedy}", about=owner)
        return False

    def _unknown(self, error: Exception) -> bool:
        # What the database says may hold its password.
        ours = isinstance(error, StateStoreError)
        said = str(error) if ours else f"{type(error).__name__}."
        level = logging.WARNING if isinstance(error, MisconfiguredError) else logging.INFO
        namespace = self._backend.settings.namespace
        line = f"Whose the namespace {namespace!r} is could not be looked up. {said}"
        self._say(level, line, about=type(error))
        return False

    def _say(self, level: int, line: str, about: object) -> None:
        if about != self._told:
            _log.log(level, "%s", line)
            self._told = about

    def _run(self) -> None:
        pause = _FIRST_PAUSE
        while not self.look():
            threading.Event().wait(pause)
            pause = min(2 * pause, _LONGEST_PAUSE)


_watches: list[Watch] = []


def watch(backend: RedisStateBackend) -> None:
    """Look in this process from now on."""
    _watches[:] = [Watch(backend)]
    _watches[0].start()


def warned() -> Warned | None:
    """Return what a page should show at its top, or None where all is well or nothing known."""
    return _watches[0].warned if _watches else None
