"""The bytes of a value: a header of 19 bytes, then the text as it was given, or as flags say.

| bytes | what |
|---|---|
| 1 | the format, 0xB0, and four flags below it: compressed, 1, and encrypted, 2 |
| 6 | updated_at, milliseconds since 1970 |
| 8 | expires_at, microseconds since 1970; 0 for never |
| 4 | the incarnation of the run, told from others of the same run id; 0 for unknown |

An asset's value that came through Airflow's REST API has 1 for its incarnation. A worker value of
an asset has a number of its own, and while a document refers to it, a deadline that never comes: it
is bound to the asset.

All integers are unsigned and big-endian. The header is as small as it is because Redis stores a
hash whose values have at most 64 bytes in much less memory. The first byte can start neither
a text nor a JSON document, so foreign bytes are told from ours.
"""

from __future__ import annotations

import hashlib
import struct
from datetime import UTC, datetime, timedelta
from itertools import accumulate, pairwise, starmap
from time import time_ns
from typing import NamedTuple

from redis_state.errors import CorruptValueError, InvalidValueError

FORMAT = 0xB0
COMPRESSED = 0x01
ENCRYPTED = 0x02
NEVER = 0
# The incarnation of a run that nobody knows, and of an asset.
UNKNOWN = 0
# Of an asset's value that came through Airflow's REST API.
SET_BY_API = 1
# Servers refuse deadlines from 2^46 ms on (the year 4199); the envelope alone ends such a value.
LAST_NATIVE_DEADLINE = 2**46

# The header: its parts as `struct` has them. They are told here and nowhere else, and `scripts`
# hands their offsets to Lua; tests/lua/test_header.py fails where the two differ.
_PARTS = ("B", "HI", "Q", "I")
_HEADER = struct.Struct(">" + "".join(_PARTS))
SIZE = _HEADER.size
_pack, unpack = _HEADER.pack, _HEADER.unpack_from
_ENDS = (0, *accumulate(struct.calcsize(f">{part}") for part in _PARTS))
MARK, UPDATED_AT, DEADLINE, INCARNATION = starmap(slice, pairwise(_ENDS))
# The incarnation of an asset's document is the *mark* of its worker value: which write of it.
MARK_SIZE = INCARNATION.stop - INCARNATION.start

_FLAGS = 0x0F
_WITH_FLAGS = tuple(bytes([FORMAT | flags]) for flags in range(1, (COMPRESSED | ENCRYPTED) + 1))
_FUTURE_FORMATS = (0x80, 0x90, 0xA0)
# The deadline of a worker value that is bound to an asset begins with these, in the year 9997.
BOUND = bytes.fromhex("038400")
_DEADLINE_SIZE = DEADLINE.stop - DEADLINE.start
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_LAST_INCARNATION = 2**32 - 1
# The end of the year 9999, the last moment that a datetime can name.
LAST_MOMENT = 253_402_300_799_999_999
# All that is below it in the upper half of updated_at is before that moment.
LAST_HIGH = (LAST_MOMENT // 1000) >> 32


def may_read(expires_at: int, written_by: int, now: int, incarnation: int) -> bool:
    """Tell whether a reader may see a value: before its deadline, and of no other run.

    Runs of the same id that came and went are told apart where both sides know theirs. Whichever
    way a value is read, this decides; tests/contract/test_incarnations.py and test_expiry.py try
    all of them.
    """
    if expires_at != NEVER and now >= expires_at:
        return False
    if incarnation == written_by or not incarnation or not written_by:
        return True
    return incarnation & _LAST_INCARNATION in (written_by, UNKNOWN)


class Envelope(NamedTuple):
    """A value with its times, as microseconds since 1970."""

    text: str
    updated_at: int
    expires_at: int
    incarnation: int = UNKNOWN

    def is_live(self, now: int, incarnation: int = UNKNOWN) -> bool:
        """Tell whether a reader may see the value: see `may_read`."""
        return may_read(self.expires_at, self.incarnation, now, incarnation)


def encode(
    text: bytes, updated_at: int, expires_at: int, incarnation: int = UNKNOWN, flags: int = 0
) -> bytes:
    """Put a text, or what flags say of it, into its envelope; times are microseconds since 1970."""
    milliseconds = updated_at // 1000
    high, low = milliseconds >> 32, milliseconds & 0xFFFFFFFF
    own = incarnation & _LAST_INCARNATION
    return _pack(FORMAT | flags, high, low, expires_at, own) + text


def decode(raw: bytes, page: str, key: str) -> Envelope:
    """Read an envelope without flags; page and key name it in an error."""
    found = read_header(raw, page, key)
    if raw[0] != FORMAT:
        raise corrupt(page, key, _why_unreadable(raw[0]))
    return found._replace(text=to_text(raw[SIZE:], page, key))


def to_bytes(text: str) -> bytes:
    """Return the bytes of a text, also of one with a lone surrogate, which JSON may have."""
    return text.encode("utf-8", "surrogatepass")


def to_text(plain: bytes, page: str, key: str) -> str:
    """Return the text of what an envelope holds."""
    try:
        return plain.decode("utf-8", "surrogatepass")
    except UnicodeDecodeError as error:
        raise corrupt(page, key, "holds an envelope whose text is not UTF-8.") from error


def has_flags(raw: bytes) -> bool:
    """Tell whether an envelope is compressed, encrypted or both."""
    return raw[:1] in _WITH_FLAGS


def is_encrypted(raw: bytes) -> bool:
    """Tell whether an envelope is encrypted."""
    return has_flags(raw) and bool(raw[0] & ENCRYPTED)


def is_ours(raw: bytes) -> bool:
    """Tell whether bytes begin with a header of this format."""
    return len(raw) >= SIZE and raw[0] & ~_FLAGS == FORMAT


def read_header(raw: bytes, page: str, key: str) -> Envelope:
    """Read the times of an envelope, and not its text, which may take a key."""
    if len(raw) < SIZE:
        raise corrupt(page, key, f"holds {len(raw)} bytes that redis-state did not write.")
    mark, high, low, expires_at, incarnation = unpack(raw)
    updated_at = ((high << 32) | low) * 1000
    if mark & ~_FLAGS != FORMAT:
        raise corrupt(page, key, _why_unreadable(mark))
    if expires_at > LAST_MOMENT or updated_at > LAST_MOMENT:
        raise corrupt(page, key, "holds an envelope whose times are out of range.")
    return Envelope("", updated_at, expires_at, incarnation)


def without_deadline(raw: bytes) -> bytes:
    """Return the rest of a header, which stays as it was written."""
    return raw[: DEADLINE.start] + raw[DEADLINE.stop : SIZE]


def deadline_bytes(expires_at: int) -> bytes:
    """Return a deadline as it stands in an envelope."""
    return expires_at.to_bytes(_DEADLINE_SIZE, "big")


def native_deadline(expires_at: int) -> int:
    """Return a deadline in the server's milliseconds; 0 for never, and for what it refuses.

    No value that is to expire is ever without this native deadline, not even for a moment: what
    writes a value sets it in the same command or script, and the script that takes the deadline
    of a whole page away gives each of its values one first. The leak checker, which looks at all
    keys after each test, fails where one is missing; so does tests/unit/test_operations.py for a
    command that writes a value and leaves its deadline to another one.
    """
    deadline = -(-expires_at // 1000)
    return deadline if deadline < LAST_NATIVE_DEADLINE else NEVER


def bound_to(asset: str) -> int:
    """Return the deadline of a worker value that is bound to an asset."""
    digest = hashlib.sha1(asset.encode(), usedforsecurity=False).digest()
    return int.from_bytes((BOUND + digest)[:_DEADLINE_SIZE])


def is_bound(expires_at: int) -> bool:
    """Tell whether a worker value of an asset with such a deadline is bound."""
    return deadline_bytes(expires_at).startswith(BOUND)


def now() -> int:
    """Return the present in microseconds since 1970."""
    return time_ns() // 1000


def to_microseconds(expires_at: datetime | None) -> int:
    """Return a deadline in microseconds since 1970; a naive datetime is read as UTC."""
    if expires_at is None:
        return NEVER
    if not isinstance(expires_at, datetime):
        raise InvalidValueError(
            f"expires_at is a datetime or None, not {type(expires_at).__name__}."
        )
    if expires_at.tzinfo is not UTC and expires_at.utcoffset() is None:
        expires_at = expires_at.replace(tzinfo=UTC)
    since = expires_at - _EPOCH
    moment = (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds
    return moment if 1 <= moment <= LAST_MOMENT else _in_range(moment)


def deadline_after(retention: timedelta) -> int:
    """Return the moment at which something written now has been kept for ``retention``."""
    return _in_range(now() + retention // _MICROSECOND)


def to_datetime(microseconds: int) -> datetime:
    """Return a moment as a datetime in UTC."""
    return _EPOCH + microseconds * _MICROSECOND


def _in_range(moment: int) -> int:
    # A moment before 1970 has passed as surely as the first one after it.
    return min(max(1, moment), LAST_MOMENT)


def corrupt(page: str, key: str, why: str) -> CorruptValueError:
    """Return the error about a value that cannot be read."""
    return CorruptValueError(f"The key {key!r} of {page!r} {why}")


def _why_unreadable(mark: int) -> str:
    if mark & ~_FLAGS == FORMAT:
        return (
            f"holds a value with flags, such as compressed or encrypted (0x{mark:02X}), "
            "that this version cannot read; upgrade redis-state wherever this value is read."
        )
    if mark & ~_FLAGS in _FUTURE_FORMATS:
        return (
            f"holds an envelope of a later format (0x{mark:02X}); "
            "upgrade redis-state wherever this value is read."
        )
    return f"holds bytes that redis-state did not write (they begin with 0x{mark:02X})."
