"""Commands as the bytes that Redis reads, for operations with no time for a general packer.

``page`` is an argument already, see `argument`; ``pairs`` is field, value, field, value, ...
"""

from __future__ import annotations

_ONE_PAIR = 2
_HSETEX_ONE = (
    b"*8\r\n$6\r\nHSETEX\r\n%b$4\r\nPXAT\r\n$%d\r\n%b\r\n"
    b"$6\r\nFIELDS\r\n$1\r\n1\r\n$%d\r\n%b\r\n$%d\r\n%b\r\n"
)
_HSETEX = b"*%d\r\n$6\r\nHSETEX\r\n%b$4\r\nPXAT\r\n$%d\r\n%b\r\n$6\r\nFIELDS\r\n$%d\r\n%b\r\n%b"


def argument(data: bytes) -> bytes:
    """Return one argument of a command."""
    return b"$%d\r\n%b\r\n" % (len(data), data)


def hget(page: bytes, field: bytes) -> bytes:
    """Read a field."""
    return b"*3\r\n$4\r\nHGET\r\n%b$%d\r\n%b\r\n" % (page, len(field), field)


def hdel(page: bytes, field: bytes) -> bytes:
    """Remove a field."""
    return b"*3\r\n$4\r\nHDEL\r\n%b$%d\r\n%b\r\n" % (page, len(field), field)


def unlink(pages: list[bytes]) -> bytes:
    """Remove whole pages."""
    return b"*%d\r\n$6\r\nUNLINK\r\n%b" % (len(pages) + 1, b"".join(pages))


def hset(page: bytes, pairs: list[bytes]) -> bytes:
    """Write fields for ever."""
    return b"*%d\r\n$4\r\nHSET\r\n%b%b" % (len(pairs) + 2, page, b"".join(map(argument, pairs)))


def hsetex(page: bytes, deadline: int, pairs: list[bytes]) -> bytes:
    """Write fields until a deadline in milliseconds."""
    until = b"%d" % deadline
    if len(pairs) == _ONE_PAIR:
        field, value = pairs
        sizes = (len(until), until, len(field), field, len(value), value)
        return _HSETEX_ONE % (page, *sizes)
    count, joined = b"%d" % (len(pairs) // 2), b"".join(map(argument, pairs))
    return _HSETEX % (len(pairs) + 6, page, len(until), until, len(count), count, joined)
