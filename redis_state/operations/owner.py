"""The operations on the mark that tells whose a namespace is.

A script and a hash, so that a user needs no more permissions than for state.
"""

from __future__ import annotations

from datetime import UTC, datetime

from redis_state.errors import CorruptValueError
from redis_state.format.owner import Owner, owner_key, read_owner
from redis_state.operations import scripts
from redis_state.operations.operation import Batch, Capabilities, Operation, Replies, ScriptCall


class ReadOwner(Operation[Owner | None]):
    """Read whose a namespace is."""

    __slots__ = ("_namespace",)

    def __init__(self, namespace: str) -> None:
        self._namespace = namespace

    @property
    def page(self) -> str:
        return owner_key(self._namespace)

    def begin(self, _: Capabilities) -> Batch:
        return [("HMGET", self.page, "database", "since")]

    def end(self, replies: Replies) -> Owner | None:
        return read_owner(replies[0])


class Claim(Operation[Owner]):
    """Mark a namespace for a metadata database, unless it is marked; return whose it is."""

    __slots__ = ("database", "namespace")

    def __init__(self, namespace: str, database: str) -> None:
        self.namespace = namespace
        self.database = database

    @property
    def page(self) -> str:
        return owner_key(self.namespace)

    def begin(self, _: Capabilities) -> Batch:
        now = datetime.now(UTC).isoformat(timespec="seconds")
        return [ScriptCall(scripts.CLAIM, (self.page,), (self.database, now))]

    def end(self, replies: Replies) -> Owner:
        owner = read_owner(replies[0])
        if owner is None:
            raise CorruptValueError(f"The mark {self.page} names no database: remove it.")
        return owner
