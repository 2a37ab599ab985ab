"""The worker-side backend: `[workers] state_store_backend = redis_state.RedisWorkerBackend`.

A task's values go from its own process to Redis, as *worker values*; what passes the API server is
a reference. They end with their references, where the server side is redis-state on the same Redis;
elsewhere those of tasks end after ``worker_retention_days``.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from typing import Any, TypeAlias

from redis_state.airflow.sides import WORKER
from redis_state.backends.base import RedisBackend
from redis_state.backends.limits import checked_key
from redis_state.backends.start_line import write_start_line
from redis_state.backends.worker_operations import WorkerOperations
from redis_state.config.settings import load
from redis_state.errors import (
    CorruptValueError,
    InvalidInputError,
    InvalidValueError,
    StateStoreError,
)
from redis_state.format import layout, references
from redis_state.scopes import StateScope

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
        write_start_line(WORKER, settings, options)

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
