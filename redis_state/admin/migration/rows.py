"""Values as rows of the metadata database: how they are looked up, written and removed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from redis_state.admin.migration.values import Lookup, Outcome, Problem, Spot, Value, Written
from redis_state.airflow import metastore, metastore_writes
from redis_state.airflow.metastore import Home, Row
from redis_state.errors import UnavailableError
from redis_state.format import envelope
from redis_state.scopes import ZERO_REGION, TaskScope

# A run may be deleted between two steps, and is then looked for again.
_TRIES = 3
# A database cuts longer keys, or refuses them.
_LONGEST_KEY = 512


def value_of(row: Row) -> Value:
    """Return the value of a row."""
    incarnation = envelope.SET_BY_API if row.by_api else row.incarnation
    updated_at = envelope.to_microseconds(row.updated_at) // 1000
    expires_at = envelope.to_microseconds(row.expires_at)
    body = envelope.to_bytes(row.value)
    return Value(Spot(row.scope, row.key), updated_at, expires_at, incarnation, body)


def find(values: Sequence[Value]) -> Lookup:
    """Look up the rows of some values, and which have no place."""
    with metastore.transaction() as session:
        known, there = _look_up(session, values)
    gone = {value.spot for value in values if _is_gone(value, known)}
    return Lookup({spot: value_of(row) for spot, row in there.items() if spot not in gone}, gone)


def write(values: Sequence[Value]) -> Written:
    """Write values of runs and assets that are there, where no row is there or an older one."""
    for _ in range(_TRIES):
        try:
            return _write_together(values)
        except Exception as error:
            if isinstance(error, UnavailableError) or not metastore_writes.refuses(error):
                raise
    # One after the other, to find what it is that the database refuses.
    each = [_write_one(value) for value in values]
    outcomes = [outcome for written in each for outcome in written.outcomes]
    return Written(outcomes, [problem for written in each for problem in written.problems])


def remove(values: Sequence[Value]) -> int:
    """Remove rows that still are as they were read; without a body, their time decides."""
    with metastore.transaction() as session:
        known = metastore.homes(session, [value.spot.scope for value in values])
        kept = [_row(value) for value in values if not _is_gone(value, known)]
        return metastore_writes.remove(session, kept, known)


def _write_one(value: Value) -> Written:
    try:
        return _write_together([value])
    except Exception as error:
        if isinstance(error, UnavailableError) or not metastore_writes.refuses(error):
            raise
        why = f"is refused by the database ({type(error).__name__})"
        return Written([Outcome.REFUSED], [Problem(str(value.spot), why)])


def _write_together(values: Sequence[Value]) -> Written:
    with metastore.transaction() as session:
        known, there = _look_up(session, values)
        outcomes: dict[Spot, Outcome] = {}
        problems: list[Problem] = []
        new: list[Row] = []
        for value in values:
            outcome, why = _outcome(value, there.get(value.spot), known)
            outcomes[value.spot] = outcome
            if why:
                problems.append(Problem(str(value.spot), why))
            if outcome is Outcome.WRITTEN:
                new.append(_row_over(value, there.get(value.spot)))
        if new and metastore_writes.upsert(session, new, known) != len(new):
            _correct(outcomes, values, _look_up(session, values)[1])
    return Written([outcomes[value.spot] for value in values], problems)


def _outcome(
    value: Value, current: Row | None, known: dict[Home, tuple[int, int]]
) -> tuple[Outcome, str]:
    if why := _why_impossible(value):
        return Outcome.REFUSED, why
    if _is_gone(value, known):
        return Outcome.GONE, ""
    if current is None:
        return Outcome.WRITTEN, ""
    there = value_of(current)
    if there.updated_at > value.updated_at:
        return Outcome.NEWER, ""
    return Outcome.THERE if there.equals(value) else Outcome.WRITTEN, ""


def _correct(
    outcomes: dict[Spot, Outcome], values: Sequence[Value], there: dict[Spot, Row]
) -> None:
    """Tell of what somebody has written meanwhile that it is newer."""
    for value in values:
        row = there.get(value.spot)
        is_other = row is not None and value_of(row).updated_at > value.updated_at
        if is_other and outcomes[value.spot] is Outcome.WRITTEN:
            outcomes[value.spot] = Outcome.NEWER


def _look_up(
    session: Any, values: Sequence[Value]
) -> tuple[dict[Home, tuple[int, int]], dict[Spot, Row]]:
    known = metastore.homes(session, [value.spot.scope for value in values])
    names = [(value.spot.scope, value.spot.key) for value in values if not _why_impossible(value)]
    rows = metastore.find(session, names, known)
    return known, {Spot(scope, key): row for (scope, key), row in rows.items()}


def _is_gone(value: Value, known: dict[Home, tuple[int, int]]) -> bool:
    home = metastore.home_of(value.spot.scope)
    if home is None or home not in known:
        return True
    incarnation = known[home][1]
    if not isinstance(value.spot.scope, TaskScope) or not value.incarnation or not incarnation:
        return False
    return incarnation != value.incarnation


def _why_impossible(value: Value) -> str:
    scope, key = value.spot.scope, value.spot.key
    if len(key) > _LONGEST_KEY:
        return f"is not written: the database takes keys of {_LONGEST_KEY} characters at most"
    if isinstance(scope, TaskScope):
        if scope.region_id != ZERO_REGION and not metastore.has_regions():
            return "is not written: it is in a region, which this Airflow does not know"
        return ""
    if scope.asset_id is None:
        return "is not written: the database knows an asset by its id alone"
    if value.expires_at != envelope.NEVER:
        return "is not written: in the database, an asset's value has no expiry"
    return ""


def _row(value: Value) -> Row:
    """Return the row of a value."""
    scope, never = value.spot.scope, value.expires_at == envelope.NEVER
    is_asset = not isinstance(scope, TaskScope)
    return Row(
        scope,
        value.spot.key,
        value.body.decode("utf-8", "surrogatepass"),
        envelope.to_datetime(value.updated_at * 1000),
        None if never else envelope.to_datetime(value.expires_at),
        value.incarnation,
        is_asset and value.incarnation == envelope.SET_BY_API,
    )


def _row_over(value: Value, current: Row | None) -> Row:
    """Return the row of a value that is to replace one, of the same millisecond perhaps."""
    row = _row(value)
    if current is not None and value_of(current).updated_at == value.updated_at:
        return row._replace(updated_at=current.updated_at)
    return row
