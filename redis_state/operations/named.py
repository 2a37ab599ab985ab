"""Values whose names are encrypted, or were, or are about to be: each may lie in several fields.

A write removes the others in one step with it, so that there is one value under a name, unless a
process wrote that does not know of encrypted names. Then the later one counts.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from redis_state.format import envelope
from redis_state.format.codec import Sealer
from redis_state.format.envelope import Opener
from redis_state.format.layout import Place
from redis_state.operations import scripts
from redis_state.operations.operation import (
    Argument,
    Batch,
    Capabilities,
    Replies,
    Scripted,
    native_deadline,
)
from redis_state.operations.reads import Entries, Get, GetMany
from redis_state.operations.writes import Write, sealed_by

if TYPE_CHECKING:
    from redis_state.format.names import Names


class GetNamed(Get):
    """Read one live value."""

    __slots__ = ("_names",)

    def __init__(
        self, place: Place, key: str, incarnation: int, opener: Opener, names: Names
    ) -> None:
        super().__init__(place, key, incarnation, opener)
        self._names = names

    def begin(self, _: Capabilities) -> Batch:
        return [("HMGET", self._place.page, *self._names.fields(self._place, self._key))]

    def end(self, replies: Replies) -> str | None:
        return super().end([_latest(replies[0], self._place.page, self._key)])


class GetManyNamed(GetMany):
    """Read the live ones of some values."""

    __slots__ = ("_names",)

    def __init__(
        self, place: Place, keys: Iterable[str], incarnation: int, opener: Opener, names: Names
    ) -> None:
        super().__init__(place, keys, incarnation, opener)
        self._names = names

    def begin(self, _: Capabilities) -> Batch:
        if not self._keys:
            return []
        fields = [field for key in self._keys for field in self._names.fields(self._place, key)]
        return [("HMGET", self._place.page, *fields)]

    def end(self, replies: Replies) -> dict[str, str]:
        if not replies:
            return {}
        (raws,) = replies
        each = len(raws) // len(self._keys)
        latest = [
            _latest(raws[number * each :][:each], self._place.page, key)
            for number, key in enumerate(self._keys)
        ]
        return super().end([latest])


class EntriesNamed(Entries):
    """Read every live value of one scope with its times."""

    __slots__ = ("_names",)

    def __init__(self, place: Place, incarnation: int, opener: Opener, names: Names) -> None:
        super().__init__(place, incarnation, opener)
        self._names = names

    def _by_key(self, flat: list[bytes]) -> dict[str, bytes]:
        found: dict[str, bytes] = {}
        for field, raw in zip(flat[::2], flat[1::2], strict=True):
            key = self._names.key(self._place, field)
            if key is not None:
                latest = _latest([found.get(key), raw], self._place.page, key)
                assert latest is not None
                found[key] = latest
        return found


class WriteNamed(Write):
    """Write values under names that are encrypted or were, and remove what other names hold."""

    __slots__ = ("_names",)

    def __init__(
        self,
        place: Place,
        values: Mapping[str, bytes],
        expires_at: int,
        incarnation: int,
        sealer: Sealer,
        names: Names,
    ) -> None:
        super().__init__(place, values, expires_at, incarnation, sealer)
        self._names = names

    def begin(self, server: Capabilities) -> Batch:
        place, times = self._place, (envelope.now(), self._expires_at)
        pairs: list[bytes] = []
        stale: list[bytes] = []
        for key, value in self._values.items():
            field, *others = self._names.fields(place, key)
            sealed = sealed_by(self._sealer, value, times, self._incarnation, place, key)
            pairs += (field, sealed)
            stale += others
        deadline = native_deadline(self._expires_at)
        arguments: tuple[Argument, ...] = (deadline, len(stale), *stale, *pairs)
        write = Scripted(scripts.HASH_SET, scripts.FIELD_SET, (place,), arguments)
        return write.begin(server) if pairs else []

    def end(self, _: Replies) -> None:
        return None


def get(place: Place, key: str, incarnation: int, opener: Sealer) -> Get:
    """Return what reads a value."""
    if opener.names is None:
        return Get(place, key, incarnation, opener)
    return GetNamed(place, key, incarnation, opener, opener.names)


def get_many(place: Place, wanted: Iterable[str], incarnation: int, opener: Sealer) -> GetMany:
    """Return what reads some values."""
    if opener.names is None:
        return GetMany(place, wanted, incarnation, opener)
    return GetManyNamed(place, wanted, incarnation, opener, opener.names)


def entries(place: Place, incarnation: int, opener: Sealer) -> Entries:
    """Return what reads all values."""
    if opener.names is None:
        return Entries(place, incarnation, opener)
    return EntriesNamed(place, incarnation, opener, opener.names)


def write(
    place: Place, values: Mapping[str, bytes], expires_at: int, incarnation: int, sealer: Sealer
) -> Write:
    """Return what writes values."""
    if sealer.names is None:
        return Write(place, values, expires_at, incarnation, sealer if sealer.writes else None)
    return WriteNamed(place, values, expires_at, incarnation, sealer, sealer.names)


def _latest(raws: Iterable[bytes | None], page: str, key: str) -> bytes | None:
    there = [raw for raw in raws if raw is not None]
    if len(there) < 2:  # noqa: PLR2004 - one or none
        return there[0] if there else None
    return max(there, key=lambda raw: envelope.read_header(raw, page, key).updated_at)
