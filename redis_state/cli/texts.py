"""Texts to read: sizes, times, and what others wrote, which may hold anything."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

from redis_state.cli.parsing import UsageError

_UNITS = {"b": 1, "kb": 10**3, "mb": 10**6, "gb": 10**9, "kib": 2**10, "mib": 2**20, "gib": 2**30}
_SIZE = re.compile(r"([0-9]+(?:\.[0-9]+)?) *([a-z]*)", re.IGNORECASE)
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}
_DURATION = re.compile(r"([0-9]+(?:\.[0-9]+)?)([smhdw])")
# From so many seconds on, a distance is told to so many.
_SHOWN = ((86_400 - 30, 3600), (3600 - 0.5, 60))
_STEPS = ("B", "kB", "MB", "GB", "TB")
_STEP = 1000
_BINARY_STEP = 1024


def printable(text: str) -> str:
    """Return a text that does nothing to a terminal: what is not printable is escaped."""
    if text.isprintable():
        return text
    return "".join(each if each.isprintable() else _escaped(each) for each in text)


def _escaped(character: str) -> str:
    return character.encode("unicode_escape", "surrogatepass").decode()


def values(number: int) -> str:
    """Return a number of values."""
    return f"{number:,} value{'' if number == 1 else 's'}"


def size(bytes_: int) -> str:
    """Return a size as people read it."""
    number, unit = float(bytes_), _STEPS[0]
    for larger in _STEPS[1:]:
        # What would be rounded to 1000 is one of the next.
        if number < _STEP - 0.5:
            break
        number, unit = number / _STEP, larger
    has_decimals = unit != _STEPS[0] and number < _STEP / 10
    return f"{number:.1f} {unit}" if has_decimals else f"{number:.0f} {unit}"


def binary_size(bytes_: int) -> str:
    """Return a size that is a power of two, as people read it."""
    for unit in ("B", "KiB", "MiB"):
        if bytes_ < _BINARY_STEP:
            return f"{bytes_} {unit}"
        bytes_ //= _BINARY_STEP
    return f"{bytes_} GiB"


def read_size(text: str) -> int:
    """Read a size such as 512, 10kB or 1.5MiB."""
    found = _SIZE.fullmatch(text.strip())
    unit = _UNITS.get(found[2].lower() or "b") if found else None
    if found is None or unit is None:
        raise UsageError(f"{text!r} is no size: write it as 512, 10kB or 1.5MiB.")
    return round(float(found[1]) * unit)


def read_duration(text: str) -> timedelta:
    """Read a duration such as 90s, 12h or 1d12h."""
    whole = text.strip().lower()
    parts: list[tuple[str, str]] = _DURATION.findall(whole)
    if not parts or "".join(number + unit for number, unit in parts) != whole:
        raise UsageError(f"{text!r} is no duration: write it as 90s, 12h, 2d or 1d12h.")
    try:
        return timedelta(seconds=sum(float(number) * _SECONDS[unit] for number, unit in parts))
    except OverflowError:
        raise UsageError(f"{text!r} is too long a duration.") from None


def moment(when: datetime) -> str:
    """Return a moment in ISO 8601, in UTC."""
    return when.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def distance(when: datetime, now: datetime) -> str:
    """Return how far away a moment is, in its two largest units, such as 1d 4h."""
    seconds = (when - now).total_seconds()
    # To the smaller unit that is shown, so that what was just kept for two days has two days.
    shown = next((s for most, s in _SHOWN if seconds >= most), 1)
    seconds = round(seconds / shown) * shown
    parts: list[str] = []
    for unit in "dhms":
        count, seconds = divmod(seconds, _SECONDS[unit])
        if count or parts:
            parts.append(f"{count}{unit}")
    return " ".join(part for part in parts[:2] if not part.startswith("0")) or "0s"
