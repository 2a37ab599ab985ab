"""Rows of a result, written as they come: a table to read, or a format that other programs read.

Names and values are what authors of tasks wrote, and may hold anything: no format lets through
what would do something to a terminal.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple, Protocol, TypeAlias

from redis_state.cli import texts

Row: TypeAlias = Mapping[str, Any]
_A_MOMENT = timedelta(minutes=1)


class Column(NamedTuple):
    """A column of a table: its title, and how its cell of a row reads."""

    title: str
    text: Callable[[Row], str]
    is_number: bool = False


class Output(Protocol):
    """Takes rows one by one."""

    def add(self, row: Row) -> None:
        """Write a row, or keep it until there are some."""

    def end(self) -> None:
        """Write what is left."""


def output(name: str | None, fields: Sequence[str], columns: Sequence[Column]) -> Output:
    """Return the output of a format: rows have these fields, and a table these columns."""
    if name in (None, "table"):
        from redis_state.cli.tables import Table  # noqa: PLC0415 - not for programs

        return Table(columns)
    return _OUTPUTS[name](fields)


def plain_value(value: Any) -> Any:
    """Return a value as JSON can hold it: a time in ISO 8601, all else as it is."""
    return texts.moment(value) if isinstance(value, datetime) else value


def as_json(value: Any, indent: int | None = None) -> str:
    """Return the JSON of a value; in ASCII, so that a terminal shows it and does nothing else."""
    return json.dumps(value, indent=indent, default=plain_value)


class _Json:
    """One array of objects."""

    def __init__(self, _: Sequence[str]) -> None:
        self._is_begun = False

    def add(self, row: Row) -> None:
        sys.stdout.write(",\n " if self._is_begun else "[\n ")
        sys.stdout.write(as_json(row))
        self._is_begun = True

    def end(self) -> None:
        sys.stdout.write("\n]\n" if self._is_begun else "[]\n")


class _JsonLines:
    """An object on each line."""

    def __init__(self, _: Sequence[str]) -> None:
        pass

    def add(self, row: Row) -> None:
        sys.stdout.write(as_json(row) + "\n")

    def end(self) -> None:
        pass


class _Yaml:
    """A list of mappings."""

    def __init__(self, _: Sequence[str]) -> None:
        self._is_begun = False

    def add(self, row: Row) -> None:
        sys.stdout.write(as_yaml([row]))
        self._is_begun = True

    def end(self) -> None:
        if not self._is_begun:
            sys.stdout.write("[]\n")


def as_yaml(value: Any) -> str:
    """Return the YAML of a value."""
    import yaml  # noqa: PLC0415 - for those who ask

    text: str = yaml.safe_dump(json.loads(as_json(value)), sort_keys=False, allow_unicode=False)
    return text


def write_record(name: str | None, record: Row) -> None:
    """Write one object."""
    if name == "yaml":
        sys.stdout.write(as_yaml(record))
    else:
        sys.stdout.write(as_json(record, None if name == "jsonl" else 2) + "\n")


class _Plain:
    """A line of names, then a line for each row; cells are apart by tabs, and empty for null."""

    def __init__(self, fields: Sequence[str]) -> None:
        self._fields = fields
        sys.stdout.write("\t".join(fields) + "\n")

    def add(self, row: Row) -> None:
        cells = (_cell(row[name]) for name in self._fields)
        sys.stdout.write("\t".join(cells) + "\n")

    def end(self) -> None:
        pass


def _cell(value: Any) -> str:
    value = plain_value(value)
    if value is None:
        return ""
    return texts.printable(value if isinstance(value, str) else as_json(value))


_OUTPUTS: dict[str | None, Callable[[Sequence[str]], Output]] = {
    "json": _Json,
    "jsonl": _JsonLines,
    "yaml": _Yaml,
    "plain": _Plain,
}


def number(name: str, title: str = "") -> Column:
    """Return the column of a number."""
    return Column(title or name, lambda row: f"{row[name]:,}", is_number=True)


def size(name: str, title: str = "") -> Column:
    """Return the column of a number of bytes."""
    return Column(title or name, lambda row: texts.size(row[name]), is_number=True)


def text(name: str, title: str = "") -> Column:
    """Return the column of a text, which may not be there."""
    return Column(title or name, lambda row: "" if row[name] is None else str(row[name]))


def expiry(name: str, title: str) -> Column:
    """Return the column of a moment that is to come, or never does."""

    def until(row: Row) -> str:
        when = row[name]
        return "never" if when is None else f"in {texts.distance(when, datetime.now(UTC))}"

    return Column(title, until)


def ago(name: str, title: str = "") -> Column:
    """Return the column of a moment in the past."""

    def since(row: Row) -> str:
        now = datetime.now(UTC)
        if now - row[name] < _A_MOMENT:
            return "just now"
        return f"{texts.distance(now, row[name])} ago"

    return Column(title or name, since)
