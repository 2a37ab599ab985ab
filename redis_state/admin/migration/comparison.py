"""How the values of both sides compare."""

from __future__ import annotations

from redis_state.admin.migration.report import Compared, Extra
from redis_state.admin.migration.values import Lookup, Outcome, Value

_SUSPECT = (Compared.ONLY_SOURCE, Compared.DIFFERENT)


def compare(value: Value, target: Lookup) -> Compared:
    """Tell how a value of the source compares with what was found at the target."""
    if value.spot in target.gone:
        return Compared.GONE
    there = target.there.get(value.spot)
    if there is None:
        # The target's clock may be ahead.
        return Compared.EXPIRED if value.is_nearly_over() else Compared.ONLY_SOURCE
    if there.equals(value):
        return Compared.EQUAL
    return Compared.NEWER if there.updated_at > value.updated_at else Compared.DIFFERENT


def still_suspect(found: dict[Value, Compared]) -> list[Value]:
    """Return the values that are not at the target as they are at the source."""
    return [value for value, compared in found.items() if compared in _SUSPECT]


def outcome_without_writing(value: Value, target: Lookup) -> Outcome:
    """Tell what would become of a value."""
    return {
        Compared.GONE: Outcome.GONE,
        Compared.EQUAL: Outcome.THERE,
        Compared.NEWER: Outcome.NEWER,
        Compared.EXPIRED: Outcome.EXPIRED,
    }.get(compare(value, target), Outcome.WRITTEN)


def extra_of(value: Value, source: Lookup, newest: int) -> Extra | None:
    """Tell of a value of the target what it is if it is not at the source; None if it is.

    What is newer than all at the source was written by tasks that use the target already.
    """
    if value.spot in source.there:
        return None
    if value.spot in source.gone:
        return Extra.GONE
    return Extra.OLD if value.updated_at <= newest else Extra.LATER
