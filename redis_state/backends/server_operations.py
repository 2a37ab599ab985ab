"""What the server side does: operations on state, and on the worker values that it refers to."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from redis_state.admin.listing import list_keys
from redis_state.admin.steps import Steps
from redis_state.admin.survey import Survey, survey
from redis_state.airflow import assets, run_identity
from redis_state.backends.interface import Values
from redis_state.backends.limits import check_value, checked_key, checked_keys, checked_values
from redis_state.config.settings import Settings
from redis_state.format import envelope, layout, references
from redis_state.format.codec import Codec
from redis_state.format.layout import Place
from redis_state.operations.asset_refs import Asset
from redis_state.operations.assets import ClearAsset, DeleteAsset, WriteAsset, WriteAssetDocument
from redis_state.operations.operation import Operation
from redis_state.operations.reads import Entries, Get, GetEntry, GetMany
from redis_state.operations.worker_refs import WriteTaskDocument
from redis_state.operations.writes import Clear, ClearPages, Delete, Write
from redis_state.scopes import Entry, Listing, StateScope


class ServerOperations:
    """Operations on state, and on the worker values that the state refers to."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self.codec = Codec(settings)

    def get(self, scope: StateScope, key: str, session: Any) -> Operation[str | None]:
        checked_key(self._settings, key)
        incarnation = envelope.UNKNOWN if session is None else _incarnation(session, scope)
        place = layout.place(self._settings.namespace, scope)
        return Get(place, key, incarnation, self.codec)

    def get_many(
        self, scope: StateScope, keys: Iterable[str], session: Any
    ) -> Operation[dict[str, str]]:
        place, wanted = self._place(scope), checked_keys(self._settings, keys)
        return GetMany(place, wanted, _incarnation(session, scope), self.codec)

    def set(
        self, scope: StateScope, key: str, value: str, expires_at: datetime | None, session: Any
    ) -> Operation[None]:
        checked_key(self._settings, key)
        check_value(self._settings, value)
        return self.write(scope, key, value, self._deadline(scope, expires_at), session)

    def write(
        self,
        scope: StateScope,
        key: str,
        value: str,
        deadline: int,
        session: Any,
        *,
        by_api: bool = False,
    ) -> Operation[None]:
        """Return how to write a checked value; ``by_api``: it came through Airflow's REST API."""
        document = envelope.to_bytes(value)
        place = layout.place(self._settings.namespace, scope)
        incarnation = envelope.UNKNOWN if session is None else _incarnation(session, scope)
        if not layout.is_task(scope):
            return self._set_asset(session, scope, key, document, deadline, by_api=by_api)
        is_document = value.startswith(references.DOCUMENT)
        reference = references.referred(value) if is_document else None
        if reference is None:
            return Write(place, {key: document}, deadline, incarnation, self.codec)
        both, own = (place, self._worker_place(scope)), reference == references.refer(scope, key)
        return WriteTaskDocument(
            both, key, document, deadline, incarnation, self.codec, names_worker_value=own
        )

    def set_many(
        self, scope: StateScope, values: Values, expires_at: datetime | None, session: Any
    ) -> Operation[None]:
        place, checked = self._place(scope), checked_values(self._settings, values)
        deadline, incarnation = self._deadline(scope, expires_at), _incarnation(session, scope)
        if not layout.is_task(scope):
            return WriteAsset(self._asset(place), checked, deadline)
        return Write(place, checked, deadline, incarnation, self.codec)

    def delete(self, scope: StateScope, key: str, _: Any = None) -> Operation[None]:
        place, key = self._place(scope), checked_key(self._settings, key)
        if layout.is_task(scope):
            return Delete((place, self._worker_place(scope)), key)
        return DeleteAsset(self._asset(place), (place.field(key),))

    def clear(self, scope: StateScope, _: Any = None, *, all_map_indices: bool) -> Operation[None]:
        place = self._place(scope)
        if not layout.is_task(scope):
            return ClearAsset(self._asset(place))
        if all_map_indices:
            namespace = self._settings.namespace
            pages = layout.task_pages(namespace, scope)
            return ClearPages(pages + layout.task_pages(namespace, scope, of_worker=True))
        return Clear((place, self._worker_place(scope)))

    def entries(self, scope: StateScope, session: Any) -> Operation[dict[str, Entry]]:
        return Entries(self._place(scope), _incarnation(session, scope), self.codec)

    def entry(self, scope: StateScope, key: str, session: Any) -> Operation[Entry | None]:
        checked_key(self._settings, key)
        return GetEntry(self._place(scope), key, _incarnation(session, scope), self.codec)

    def listing(self, scope: StateScope, limit: int, offset: int, session: Any) -> Steps[Listing]:
        place, incarnation = self._place(scope), _incarnation(session, scope)
        return list_keys(place, self.codec, incarnation, limit=limit, offset=offset)

    def survey(self, scope: StateScope, session: Any) -> Steps[Survey]:
        namespace = self._settings.namespace
        is_task = layout.is_task(scope)
        pages = layout.task_pages(namespace, scope) if is_task else [self._place(scope).page]
        return survey(namespace, pages, _incarnation(session, scope))

    def overwrite(
        self, scope: StateScope, key: str, value: str, entry: Entry, session: Any
    ) -> Operation[None]:
        """Return how to write a value that ends when another does."""
        check_value(self._settings, value)
        deadline = envelope.to_microseconds(entry.expires_at)
        return self.write(scope, key, value, deadline, session)

    def set_by_api(
        self, scope: StateScope, key: str, value: str, expires_at: datetime | None, session: Any
    ) -> Operation[None]:
        checked_key(self._settings, key)
        check_value(self._settings, value)
        deadline = self._deadline(scope, expires_at)
        return self.write(scope, key, value, deadline, session, by_api=True)

    def _place(self, scope: StateScope) -> Place:
        return layout.place(self._settings.namespace, scope)

    def _worker_place(self, scope: StateScope) -> Place:
        return layout.place(self._settings.namespace, scope, of_worker=True)

    def _set_asset(
        self,
        session: Any,
        scope: StateScope,
        key: str,
        document: bytes,
        deadline: int,
        *,
        by_api: bool,
    ) -> Operation[None]:
        asset = self._asset(self._place(scope))
        text = document.decode("utf-8", "surrogatepass")
        found = references.resolve_document(text)
        # What somebody wrote by hand may name the value of another key or asset, or of a task.
        if found is not None and not layout.is_task(found[0]) and found[1] == key:
            is_own = assets.is_same(session, scope, found[0])
            if is_own is not False:
                worker_value = self._worker_place(found[0]), key
                return WriteAssetDocument(
                    asset, key, document, deadline, worker_value, is_own=bool(is_own)
                )
        # Of a document, the number is the mark of its worker value.
        is_plain = by_api and not text.startswith(references.MARK)
        written_by = envelope.SET_BY_API if is_plain else envelope.UNKNOWN
        return WriteAsset(asset, {key: document}, deadline, written_by)

    def _asset(self, place: Place) -> Asset:
        return Asset(place, self._find, self.codec)

    def _find(self, document: str) -> tuple[Place, str] | None:
        found = references.resolve_document(document)
        return None if found is None else (self._worker_place(found[0]), found[1])

    def _deadline(self, scope: StateScope, expires_at: datetime | None) -> int:
        retention = self._settings.default_retention
        if expires_at is None and retention is not None and layout.is_task(scope):
            return envelope.deadline_after(retention)
        return envelope.to_microseconds(expires_at)


def _incarnation(session: Any, scope: StateScope) -> int:
    if session is None or not layout.is_task(scope):
        return envelope.UNKNOWN
    return run_identity.incarnation(session, scope)
