"""``require_owner``: before anything else is done in a namespace, it is looked whose that is."""

from __future__ import annotations

import time
from collections.abc import Iterable
from datetime import datetime
from typing import Any, TypeVar

from redis_state.admin.steps import Ask, Steps
from redis_state.admin.survey import Survey
from redis_state.airflow import database_mark
from redis_state.backends.interface import Values
from redis_state.backends.server_operations import ServerOperations
from redis_state.config.settings import Settings
from redis_state.errors import MisconfiguredError, UnavailableError
from redis_state.format.owner import Owner, another_owner
from redis_state.operations.operation import Batch, Capabilities, Operation, Replies
from redis_state.operations.owner import Claim
from redis_state.scopes import Entry, Listing, StateScope

T = TypeVar("T")
# A mark may be removed while we run, as by FLUSHDB, and another's come in its place.
_LOOKS_AGAIN = 60.0


class Ownership:
    """What this process knows of whose the namespace is."""

    def __init__(self, namespace: str) -> None:
        self._namespace = namespace
        self._ours_until = 0.0

    def question(self, session: Any) -> Claim | None:
        """Return how to find out whose it is; None where that is known, or not to be compared."""
        if time.monotonic() < self._ours_until:
            return None
        database = database_mark.read(session)
        if database is None:
            if session is None:
                # A program, which has no metadata database.
                return None
            database_mark.make_soon()
            raise UnavailableError(
                f"[redis_state] require_owner is set, and whose the namespace {self._namespace!r} "
                "is will be known in a moment: the metadata database is given its mark. "
                "Try again."
            )
        return Claim(self._namespace, database)

    def first(self, operation: Operation[T], session: Any) -> Operation[T]:
        """Return an operation that is run only if the namespace is ours."""
        claim = self.question(session)
        return operation if claim is None else _IfOurs(self, claim, operation)

    def check(self, owner: Owner, database: str) -> None:
        """Refuse a namespace that is another's; else be content for a while."""
        if owner.database != database:
            meaning, remedy = another_owner(self._namespace, owner, database)
            raise MisconfiguredError(f"{meaning}, so [redis_state] require_owner refuses. {remedy}")
        self._ours_until = time.monotonic() + _LOOKS_AGAIN


class _IfOurs(Operation[T]):
    __slots__ = ("_claim", "_operation", "_ownership")

    def __init__(self, ownership: Ownership, claim: Claim, operation: Operation[T]) -> None:
        self._ownership = ownership
        self._claim = claim
        self._operation = operation

    @property
    def page(self) -> str:
        return self._claim.page

    def begin(self, server: Capabilities) -> Batch:
        return self._claim.begin(server)

    def end(self, replies: Replies) -> Operation[T]:
        self._ownership.check(self._claim.end(replies), self._claim.database)
        return self._operation


class OwnedOperations(ServerOperations):
    """The operations of the server side, each of which first looks whose the namespace is."""

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings)
        self._owner = Ownership(settings.namespace)

    def get(self, scope: StateScope, key: str, session: Any) -> Operation[str | None]:
        return self._owner.first(super().get(scope, key, session), session)

    def get_many(
        self, scope: StateScope, keys: Iterable[str], session: Any
    ) -> Operation[dict[str, str]]:
        return self._owner.first(super().get_many(scope, keys, session), session)

    def set(
        self, scope: StateScope, key: str, value: str, expires_at: datetime | None, session: Any
    ) -> Operation[None]:
        return self._owner.first(super().set(scope, key, value, expires_at, session), session)

    def set_many(
        self, scope: StateScope, values: Values, expires_at: datetime | None, session: Any
    ) -> Operation[None]:
        return self._owner.first(super().set_many(scope, values, expires_at, session), session)

    def delete(self, scope: StateScope, key: str, session: Any = None) -> Operation[None]:
        return self._owner.first(super().delete(scope, key, session), session)

    def clear(
        self, scope: StateScope, session: Any = None, *, all_map_indices: bool
    ) -> Operation[None]:
        operation = super().clear(scope, session, all_map_indices=all_map_indices)
        return self._owner.first(operation, session)

    def entries(self, scope: StateScope, session: Any) -> Operation[dict[str, Entry]]:
        return self._owner.first(super().entries(scope, session), session)

    def entry(self, scope: StateScope, key: str, session: Any) -> Operation[Entry | None]:
        return self._owner.first(super().entry(scope, key, session), session)

    def listing(self, scope: StateScope, limit: int, offset: int, session: Any) -> Steps[Listing]:
        yield from self._look(session)
        return (yield from super().listing(scope, limit, offset, session))

    def survey(self, scope: StateScope, session: Any) -> Steps[Survey]:
        yield from self._look(session)
        return (yield from super().survey(scope, session))

    def overwrite(
        self, scope: StateScope, key: str, value: str, entry: Entry, session: Any
    ) -> Operation[None]:
        return self._owner.first(super().overwrite(scope, key, value, entry, session), session)

    def set_by_api(
        self, scope: StateScope, key: str, value: str, expires_at: datetime | None, session: Any
    ) -> Operation[None]:
        return self._owner.first(
            super().set_by_api(scope, key, value, expires_at, session), session
        )

    def _look(self, session: Any) -> Steps[None]:
        claim = self._owner.question(session)
        if claim is not None:
            self._owner.check((yield Ask(claim)), claim.database)
