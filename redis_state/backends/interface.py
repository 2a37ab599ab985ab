"""What Airflow asks of a state store, written down without Airflow."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, TypeAlias

from redis_state.scopes import Entry, StateScope

Values: TypeAlias = Mapping[str, str]


class BaseStateBackend(ABC):
    """Airflow's eight methods, and three more, sync and async, for operators and tests.

    ``session`` is Airflow's SQLAlchemy session; a backend outside the metadata database accepts
    and ignores it.
    """

    @abstractmethod
    def get(self, scope: StateScope, key: str, *, session: Any = None) -> str | None:
        """Return the live value of ``key``, or None."""

    @abstractmethod
    def set(
        self,
        scope: StateScope,
        key: str,
        value: str,
        *,
        expires_at: datetime | None = None,
        session: Any = None,
    ) -> None:
        """Write ``value``; without ``expires_at`` it is permanent, whatever was there before."""

    @abstractmethod
    def delete(self, scope: StateScope, key: str, *, session: Any = None) -> None:
        """Remove ``key``; no error if it is absent."""

    @abstractmethod
    def clear(
        self, scope: StateScope, *, all_map_indices: bool = False, session: Any = None
    ) -> None:
        """Remove all keys of the scope, or of every map index of its task in its region."""

    @abstractmethod
    def get_many(
        self, scope: StateScope, keys: Iterable[str], *, session: Any = None
    ) -> dict[str, str]:
        """Return the live values among ``keys``, in one round trip."""

    @abstractmethod
    def set_many(
        self,
        scope: StateScope,
        values: Values,
        *,
        expires_at: datetime | None = None,
        session: Any = None,
    ) -> None:
        """Write all of ``values`` or none of them, in one round trip."""

    @abstractmethod
    def entries(self, scope: StateScope, *, session: Any = None) -> dict[str, Entry]:
        """Return every live key of the scope with its value and times, sorted by key."""

    @abstractmethod
    async def aget(self, scope: StateScope, key: str, *, session: Any = None) -> str | None:
        """Do as ``get`` does, on the running loop."""

    @abstractmethod
    async def aset(
        self,
        scope: StateScope,
        key: str,
        value: str,
        *,
        expires_at: datetime | None = None,
        session: Any = None,
    ) -> None:
        """Do as ``set`` does, on the running loop."""

    @abstractmethod
    async def adelete(self, scope: StateScope, key: str, *, session: Any = None) -> None:
        """Do as ``delete`` does, on the running loop."""

    @abstractmethod
    async def aclear(
        self, scope: StateScope, *, all_map_indices: bool = False, session: Any = None
    ) -> None:
        """Do as ``clear`` does, on the running loop."""

    @abstractmethod
    async def aget_many(
        self, scope: StateScope, keys: Iterable[str], *, session: Any = None
    ) -> dict[str, str]:
        """Do as ``get_many`` does, on the running loop."""

    @abstractmethod
    async def aset_many(
        self,
        scope: StateScope,
        values: Values,
        *,
        expires_at: datetime | None = None,
        session: Any = None,
    ) -> None:
        """Do as ``set_many`` does, on the running loop."""

    @abstractmethod
    async def aentries(self, scope: StateScope, *, session: Any = None) -> dict[str, Entry]:
        """Do as ``entries`` does, on the running loop."""

    @abstractmethod
    def cleanup(self) -> None:
        """Remove expired state, where a backend needs to be told to."""
