"""The worker-side backend: `[workers] state_store_backend = redis_state.RedisWorkerBackend`.

A task's values go from its own process to Redis, as *worker values*; what passes the API server is
a reference. They end with their references, where the server side is redis-state on the same Redis;
elsewhere those of tasks end after ``worker_retention_days``.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from secrets import randbelow
from typing import Any, TypeAlias

from redis_state.airflow.sides import WORKER
from redis_state.backends.base import RedisBackend
from redis_state.backends.interface import Values
from redis_state.backends.limits import checked_key, checked_keys, checked_values
from redis_state.config.settings import Settings, load
from redis_state.errors import (
    CorruptValueError,
    InvalidInputError,
    InvalidValueError,
    StateStoreError,
)
from redis_state.format import envelope, layout, references
from redis_state.format.codec import Codec
from redis_state.format.layout import Place
from redis_state.operations.asset_refs import Release
from redis_state.operations.operation import Operation
from redis_state.operations.reads import Entries, Get, GetMany
from redis_state.operations.writes import Clear, ClearPages, Delete, Write
from redis_state.scopes import Entry, StateScope

_Serialize: TypeAlias = Callable[..., str | None]
_log = logging.getLogger(__name__)


class RedisWorkerBackend(RedisBackend):
    """Keeps the values that tasks write in Redis or Valkey, and gives Airflow references to them.

    Options are those of `redis_state.Settings`, as keyword arguments. Nothing connects
    before a value is written or read. The methods work on the worker values.
    """

    def __init__(self, **options: Any) -> None:
        settings = load(WORKER, **options)
        super().__init__(settings, WorkerOperations(settings), WORKER)

    # They return a text, as Airflow 3.3 types it, or None, where that means inline.
    def serialize_task_state_store_to_ref(self, *, value: Any, key: str, scope: StateScope) -> Any:
        base = getattr(super(), "serialize_task_state_store_to_ref", None)
        return self._keep(value, key, scope, base)

    def deserialize_task_state_store_from_ref(self, stored: str) -> Any:
        return self._fetch(stored, of_task=True)

    def serialize_asset_state_store_to_ref(self, *, value: Any, key: str, scope: StateScope) -> Any:
        base = getattr(super(), "serialize_asset_state_store_to_ref", None)
        return self._keep(value, key, scope, base)

    def deserialize_asset_state_store_from_ref(self, stored: str) -> Any:
        return self._fetch(stored, of_task=False)

    def clear(
        self, scope: StateScope, *, all_map_indices: bool = False, session: Any = None
    ) -> None:
        try:
            super().clear(scope, all_map_indices=all_map_indices, session=session)
        except StateStoreError as error:
            _forgive(scope, error)

    async def aclear(
        self, scope: StateScope, *, all_map_indices: bool = False, session: Any = None
    ) -> None:
        try:
            await super().aclear(scope, all_map_indices=all_map_indices, session=session)
        except StateStoreError as error:
            _forgive(scope, error)

    def _keep(self, value: Any, key: str, scope: StateScope, base: _Serialize | None) -> str | None:
        try:
            text = json.dumps(value)
        except (TypeError, ValueError, RecursionError) as error:
            raise InvalidValueError(f"The value of {key!r} is no JSON: {error}.") from error
        if len(text) < self.settings.worker_inline_bytes:
            self._check(scope, key)
            # What Airflow's own base class does with a value is what this version calls inline: its
            # JSON in the reference's place, or, in later ones, no reference at all.
            is_told_by_none = base is not None and base(value=value, key=key, scope=scope) is None
            return None if is_told_by_none else text
        self.set(scope, key, text)
        return references.refer(scope, key)

    def _check(self, scope: StateScope, key: str) -> None:
        layout.place(self.settings.namespace, scope, of_worker=True)
        checked_key(self.settings, key)

    def _fetch(self, stored: str, *, of_task: bool) -> Any:
        if not references.is_reference(stored):
            return _read_inline(stored)
        found = references.resolve(stored)
        if found is None:
            raise CorruptValueError(f"The reference {stored!r} cannot be read.")
        if layout.is_task(found[0]) is not of_task:
            whose, where = ("an asset", "a task") if of_task else ("a task", "an asset")
            raise CorruptValueError(
                f"The reference {stored!r} is {whose}'s, and stands in the state of {where}: "
                "somebody wrote it by hand."
            )
        try:
            text = self.get(*found)
        except InvalidInputError as error:
            raise CorruptValueError(f"The reference {stored!r} cannot be read. {error}") from error
        if text is None:
            _log.warning(
                "The worker value of %s is gone from %s: it was removed there, or its retention "
                "ended before that of its reference. The value is read as None.",
                stored,
                self.settings.deployment,
            )
            return None
        return _read_worker_value(text, stored)


class WorkerOperations:
    """Operations on worker values alone."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._codec = Codec(settings)

    def get(self, scope: StateScope, key: str, _: Any) -> Operation[str | None]:
        key = checked_key(self._settings, key)
        return Get(self._place(scope), key, codec=self._codec)

    def get_many(self, scope: StateScope, keys: Iterable[str], _: Any) -> Operation[dict[str, str]]:
        wanted = checked_keys(self._settings, keys)
        return GetMany(self._place(scope), wanted, codec=self._codec)

    def set(
        self, scope: StateScope, key: str, value: str, expires_at: datetime | None, _: Any
    ) -> Operation[None]:
        return self.set_many(scope, {key: value}, expires_at, _)

    def set_many(
        self, scope: StateScope, values: Values, expires_at: datetime | None, _: Any
    ) -> Operation[None]:
        checked = checked_values(self._settings, values)
        deadline = self._deadline(scope, expires_at)
        # A number of its own tells this write of an asset's worker value from all others.
        drawn = envelope.UNKNOWN if layout.is_task(scope) else 1 + randbelow(2**32 - 1)
        return Write(self._place(scope), checked, deadline, drawn, self._codec)

    def delete(self, scope: StateScope, key: str) -> Operation[None]:
        key = checked_key(self._settings, key)
        place = self._place(scope)
        if layout.is_task(scope):
            return Delete((place,), key)
        return Release(place, (place.field(key),))

    def clear(self, scope: StateScope, *, all_map_indices: bool) -> Operation[None]:
        place = self._place(scope)
        if not layout.is_task(scope):
            return Release(place)
        if all_map_indices:
            pages = layout.task_pages(self._settings.namespace, scope, of_worker=True)
            return ClearPages(pages)
        return Clear((place,))

    def entries(self, scope: StateScope, _: Any) -> Operation[dict[str, Entry]]:
        return Entries(self._place(scope), codec=self._codec)

    def _place(self, scope: StateScope) -> Place:
        return layout.place(self._settings.namespace, scope, of_worker=True)

    def _deadline(self, scope: StateScope, expires_at: datetime | None) -> int:
        days = self._settings.worker_retention_days
        # An asset's state has no retention in Airflow: a watermark stays, however old.
        if expires_at is None and days and layout.is_task(scope):
            return envelope.deadline_after(timedelta(days=days))
        return envelope.to_microseconds(expires_at)


def _read_worker_value(text: str, stored: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise CorruptValueError(
            f"The worker value of {stored!r} is no JSON text that redis-state wrote."
        ) from error


def _read_inline(stored: str) -> Any:
    try:
        return json.loads(stored) if stored else None
    except (ValueError, RecursionError) as error:
        raise CorruptValueError(
            f"The reference {stored!r} is none of redis-state's: it was written by another "
            "[workers] state_store_backend."
        ) from error


def _forgive(scope: StateScope, error: StateStoreError) -> None:
    # Airflow clears a task's state when the task has succeeded, and would fail it for this.
    if not layout.is_task(scope) or isinstance(error, InvalidInputError):
        raise error
    _log.warning(
        "The worker values of %s were not cleared, and go with their retention. %s", scope, error
    )
