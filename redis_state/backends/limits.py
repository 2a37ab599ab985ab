"""What may be stored: keys and values are checked before anything is sent."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from redis_state.config.settings import Settings
from redis_state.errors import InvalidKeyError, InvalidValueError, TooLargeError
from redis_state.format.envelope import to_bytes

# Of one character.
_MOST_BYTES = 4


def checked_key(settings: Settings, key: str) -> str:
    """Return a state key that may be stored."""
    if not isinstance(key, str):
        raise InvalidKeyError(f"A state key is a str, not {type(key).__name__}.")
    if len(key) > settings.max_key_chars:
        raise InvalidKeyError(
            f"A state key of {len(key)} characters is longer than the limit of "
            f"{settings.max_key_chars}: shorten it, or raise [redis_state] max_key_chars."
        )
    return key


def check_value(settings: Settings, value: str) -> None:
    """Refuse a value that may not be stored."""
    if not isinstance(value, str):
        raise InvalidValueError(
            f"A value is a str of JSON text, not {type(value).__name__}: json.dumps it first."
        )
    most = settings.max_value_bytes
    # Most values are so short that they need not be measured.
    if len(value) * _MOST_BYTES > most and (size := len(to_bytes(value))) > most:
        raise TooLargeError(
            f"A value of {size} bytes is larger than the limit of {most}: store a reference to it "
            "instead, or raise [redis_state] max_value_bytes."
        )


def checked_keys(settings: Settings, keys: Iterable[str]) -> list[str]:
    """Return state keys that may be stored."""
    if isinstance(keys, str):
        raise InvalidKeyError("get_many takes several keys: pass a list, not one str.")
    return [checked_key(settings, key) for key in keys]


def checked_values(settings: Settings, values: Mapping[str, str]) -> dict[str, bytes]:
    """Return the bytes of values that may be stored, by their keys."""
    for key, value in values.items():
        checked_key(settings, key)
        check_value(settings, value)
    return {key: to_bytes(value) for key, value in values.items()}
