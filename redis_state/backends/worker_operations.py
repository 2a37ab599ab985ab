"""What the worker side does: operations on worker values alone."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from secrets import randbelow
from typing import Any

from redis_state.backends.interface import Values
from redis_state.backends.limits import checked_key, checked_keys, checked_values
from redis_state.config.settings import Settings
from redis_state.format import envelope, layout
from redis_state.format.codec import Codec
from redis_state.format.layout import Place
from redis_state.operations.asset_refs import Release
from redis_state.operations.operation import Operation
from redis_state.operations.reads import Entries, Get, GetMany
from redis_state.operations.writes import Clear, ClearPages, Delete, Write
from redis_state.scopes import Entry, StateScope


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

    def delete(self, scope: StateScope, key: str, _: Any = None) -> Operation[None]:
        key = checked_key(self._settings, key)
        place = self._place(scope)
        if layout.is_task(scope):
            return Delete((place,), key)
        return Release(place, (place.field(key),))

    def clear(self, scope: StateScope, _: Any = None, *, all_map_indices: bool) -> Operation[None]:
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
