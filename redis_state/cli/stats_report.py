"""The report of `redis-state stats`: for people as tables and bars, for programs as one object."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from redis_state.admin.groups import Group, Groups
from redis_state.admin.stats import AGES, SIZES, Stats
from redis_state.admin.walking import Found, cursor_text
from redis_state.cli import output, texts
from redis_state.cli.kept import in_words, whose
from redis_state.cli.output import Column
from redis_state.format import envelope

_BAR = 30
_GROUP = ("name", "values", "bytes", "memory", "pages", "permanent")
_SECONDS = [int(age.total_seconds()) for age in AGES]
_AGES = ("1 hour", "1 day", "7 days", "30 days", "1 year")


def write(name: str | None, stats: Stats, top: int) -> None:
    """Write the report."""
    if name in ("json", "jsonl", "yaml"):
        output.write_record(name, _record(stats, top))
    elif name == "plain":
        _write_plain(stats, top)
    else:
        _write_tables(stats, top)


def _record(stats: Stats, top: int) -> dict[str, Any]:
    return {
        "complete": stats.is_complete,
        "cursor": None if stats.is_complete else cursor_text(stats.cursor),
        "total": _fields("all", stats.total, is_measured=stats.is_measured),
        "expired": stats.expired,
        "unreadable": stats.unreadable,
        **{kind: _ranked(stats, groups, top) for kind, groups in _kinds(stats).items()},
        "largest": [_value(found) for found in stats.largest],
        "oldest_permanent": [_value(found) for found in stats.oldest],
        "sizes": _histogram("bytes_below", SIZES, stats.sizes),
        "expiries": _histogram("seconds_below", _SECONDS, stats.expiries[:-1]),
        "never": stats.expiries[-1],
    }


def _kinds(stats: Stats) -> dict[str, Groups]:
    return {"dags": stats.dags, "tasks": stats.tasks, "assets": stats.assets}


def _ranked(stats: Stats, groups: Groups, top: int) -> list[dict[str, Any]]:
    return [_fields(*named, is_measured=stats.is_measured) for named in groups.top(top)]


def _fields(name: str, group: Group, *, is_measured: bool) -> dict[str, Any]:
    memory = group.memory if is_measured else None
    numbers = (group.values, group.size, memory, group.pages, group.permanent)
    return dict(zip(_GROUP, (name, *numbers), strict=True))


def _value(found: Found) -> dict[str, Any]:
    expires_at = found.header.expires_at
    never = expires_at == envelope.NEVER or envelope.is_bound(expires_at)
    return {
        **whose(found.scope),
        "side": "worker" if found.of_worker else "server",
        "key": found.key,
        "bytes": found.size,
        "updated_at": envelope.to_datetime(found.header.updated_at),
        "expires_at": None if never else envelope.to_datetime(expires_at),
    }


def _histogram(
    name: str, ends: Sequence[int], counts: Sequence[int]
) -> list[dict[str, int | None]]:
    ends_and_rest = (*ends, None)
    return [{name: end, "values": each} for end, each in zip(ends_and_rest, counts, strict=True)]


def _write_plain(stats: Stats, top: int) -> None:
    out = output.output("plain", ("of", *_GROUP), ())
    out.add({"of": "total", **_fields("all", stats.total, is_measured=stats.is_measured)})
    for kind, groups in _kinds(stats).items():
        for fields in _ranked(stats, groups, top):
            out.add({"of": kind, **fields})
    out.end()


def _write_tables(stats: Stats, top: int) -> None:
    total = [_fields("all", stats.total, is_measured=stats.is_measured)]
    _table(_columns("", stats), total)
    for kind, groups in _kinds(stats).items():
        if groups:
            more = len(groups) - top
            _table(_columns(kind, stats), _ranked(stats, groups, top))
            if more > 0:
                print(f"and {more:,} more {kind}")
    _table(_value_columns("largest values"), [_value(found) for found in stats.largest])
    _table(_value_columns("oldest that never expire"), [_value(each) for each in stats.oldest])
    _bars("size", _size_labels(), stats.sizes)
    _bars("expires", [*(f"in {age}" for age in _AGES), "later", "never"], stats.expiries)
    if stats.expired:
        print(f"{texts.values(stats.expired)} expired: the server will remove them")
    if stats.unreadable:
        print(f"{texts.values(stats.unreadable)} cannot be read: redis-state did not write them")


def _columns(title: str, stats: Stats) -> Sequence[Column]:
    memory = (output.size("memory"),) if stats.is_measured else ()
    return (
        output.text("name", title),
        output.number("values"),
        output.size("bytes"),
        *memory,
        output.number("permanent"),
    )


def _value_columns(title: str) -> Sequence[Column]:
    return (
        Column(title, in_words),
        output.text("key"),
        output.size("bytes"),
        output.ago("updated_at", "written"),
    )


def _table(columns: Sequence[Column], rows: Sequence[Mapping[str, Any]]) -> None:
    if rows:
        out = output.output("table", (), columns)
        for row in rows:
            out.add(row)
        out.end()
        print()


def _size_labels() -> list[str]:
    return [*(f"below {texts.binary_size(end)}" for end in SIZES), "larger"]


def _bars(title: str, labels: Sequence[str], counts: Sequence[int]) -> None:
    most = max(counts, default=0)
    if not most:
        return
    rows = [
        {"label": label, "values": count, "bar": "█" * -(-_BAR * count // most)}
        for label, count in zip(labels, counts, strict=True)
    ]
    _table((output.text("label", title), output.number("values"), output.text("bar", " ")), rows)
