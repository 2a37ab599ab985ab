"""The server-side backend: `[state_store] backend = redis_state.RedisStateBackend`."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from redis_state import envelope, keys, references
from redis_state.airflow import sessions
from redis_state.airflow.responses import answered
from redis_state.airflow.statistics import SERVER
from redis_state.contract import Entry, StateScope
from redis_state.errors import MisconfiguredError
from redis_state.keys import Place
from redis_state.limits import checked_key, checked_keys, checked_value, checked_values
from redis_state.operations import Operation
from redis_state.payloads import Forget, WriteAssetDocument, WriteTaskDocument
from redis_state.reads import Entries, Get, GetMany
from redis_state.settings import Settings, load
from redis_state.verbs import Values, Verbs
from redis_state.writes import Clear, ClearPages, Delete, Write


class RedisStateBackend(Verbs):
    """Keeps the state of tasks and assets in Redis or Valkey, with native expiry.

    Options are those of `redis_state.settings.Settings`, as keyword arguments. Nothing connects
    before the first verb is used. One instance serves all threads, event loops and forks.
    """

    def __init__(self, **options: Any) -> None:
        try:
            settings = load(SERVER, **options)
        except MisconfiguredError as error:
            # The API server builds the backend when a task first needs it.
            raise answered(error) from None
        super().__init__(settings, _StateBuilder(settings), SERVER)
        sessions.watch_runs()


class _StateBuilder:
    """Operations on state, and on the payloads of workers that the state refers to."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def get(self, session: Any, scope: StateScope, key: str) -> Operation[str | None]:
        checked_key(self._settings, key)
        incarnation = envelope.UNKNOWN if session is None else _incarnation(session, scope)
        return Get(keys.place(self._settings.namespace, scope), key, incarnation)

    def get_many(
        self, session: Any, scope: StateScope, wanted: Iterable[str]
    ) -> Operation[dict[str, str]]:
        place, wanted = self._place(scope), checked_keys(self._settings, wanted)
        return GetMany(place, wanted, _incarnation(session, scope))

    def set(
        self, session: Any, scope: StateScope, key: str, value: str, expires_at: datetime | None
    ) -> Operation[None]:
        checked_key(self._settings, key)
        document = checked_value(self._settings, value)
        place = keys.place(self._settings.namespace, scope)
        incarnation = envelope.UNKNOWN if session is None else _incarnation(session, scope)
        deadline = self._deadline(scope, expires_at)
        reference = references.referred(value)
        if reference is None:
            return Write(place, {key: document}, deadline, incarnation)
        if not keys.is_task(scope):
            return WriteAssetDocument(place, key, document, self._find)
        both, own = (place, self._payload_place(scope)), reference == references.refer(scope, key)
        return WriteTaskDocument(both, key, document, deadline, incarnation, names_payload=own)

    def set_many(
        self, session: Any, scope: StateScope, values: Values, expires_at: datetime | None
    ) -> Operation[None]:
        place, checked = self._place(scope), checked_values(self._settings, values)
        return Write(
            place, checked, self._deadline(scope, expires_at), _incarnation(session, scope)
        )

    def delete(self, _: Any, scope: StateScope, key: str) -> Operation[None]:
        place, key = self._place(scope), checked_key(self._settings, key)
        if keys.is_task(scope):
            return Delete((place, self._payload_place(scope)), key)
        return Forget(place, key, self._find)

    def clear(self, _: Any, scope: StateScope, all_map_indices: bool) -> Operation[None]:
        place = self._place(scope)
        if not keys.is_task(scope):
            return Forget(place, None, self._find)
        if all_map_indices:
            namespace = self._settings.namespace
            pages = keys.task_pages(namespace, scope)
            return ClearPages(pages + keys.task_pages(namespace, scope, payloads=True))
        return Clear((place, self._payload_place(scope)))

    def entries(self, session: Any, scope: StateScope) -> Operation[dict[str, Entry]]:
        return Entries(self._place(scope), _incarnation(session, scope))

    def _place(self, scope: StateScope) -> Place:
        return keys.place(self._settings.namespace, scope)

    def _payload_place(self, scope: StateScope) -> Place:
        return keys.place(self._settings.namespace, scope, payloads=True)

    def _find(self, document: str) -> tuple[Place, str] | None:
        found = references.resolve(references.referred(document) or "")
        # What a task wrote as an asset's state is never allowed to reach another task's.
        if found is None or keys.is_task(found[0]):
            return None
        return self._payload_place(found[0]), found[1]

    def _deadline(self, scope: StateScope, expires_at: datetime | None) -> int:
        retention = self._settings.default_retention
        if expires_at is None and retention is not None and keys.is_task(scope):
            return envelope.deadline_after(retention)
        return envelope.to_microseconds(expires_at)


def _incarnation(session: Any, scope: StateScope) -> int:
    if session is None or not keys.is_task(scope):
        return envelope.UNKNOWN
    return sessions.incarnation(session, scope)
