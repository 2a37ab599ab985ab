"""The leak checker: after a test, each key in Redis carries the expiry that its values call for."""

from __future__ import annotations

from typing import Any

import redis

from redis_state.format import envelope, layout, pages
from redis_state.format.owner import owner_key

_NATIVE_LIMIT = 2**46
# The scripts read two clocks.
_SLACK_MS = 50


def check_leaks(client: redis.Redis, namespace: str, *, field_form: bool) -> None:
    """Fail for any key of the namespace that is not ours, or whose expiry is not explained."""
    for page in client.scan_iter(match=f"{namespace}:*", count=1000):
        fields: Any = client.hgetall(page)
        if page.decode() == owner_key(namespace):
            assert fields.keys() == {b"database", b"since"}
            assert client.pttl(page) == -1, f"{page!r} expires"
            continue
        deadlines = {
            field: _native_deadline(envelope.read_header(raw, repr(page), repr(field)).expires_at)
            for field, raw in fields.items()
            if field != layout.SUMMARY
        }
        for field in deadlines:
            place = pages.locate(namespace, page, field)
            assert place, f"{page!r} {field!r} has no place"
            assert pages.parse(namespace, page, field), f"{page!r} {field!r} cannot be read back"
        if field_form:
            _check_fields(client, page, deadlines, summary=fields.get(layout.SUMMARY))
        else:
            _check_page(client, page, deadlines, summary=fields.get(layout.SUMMARY))


def _check_fields(
    client: redis.Redis, page: bytes, deadlines: dict[bytes, int], summary: bytes | None
) -> None:
    assert summary is None, f"{page!r} was not adopted by the field form"
    assert client.pttl(page) in (-1, -2), f"{page!r} expires as a whole"
    for field, deadline in deadlines.items():
        (native,) = client.execute_command("HPEXPIRETIME", page, "FIELDS", 1, field)
        assert native in (deadline or -1, -2), f"{page!r} {field!r}: {native} for {deadline}"


def _check_page(
    client: redis.Redis, page: bytes, deadlines: dict[bytes, int], summary: bytes | None
) -> None:
    if summary is not None:
        assert deadlines, f"{page!r} holds nothing but its summary"
    expiring = [deadline for deadline in deadlines.values() if deadline]
    if expiring:
        assert summary is not None, f"{page!r} has deadlines and no summary"
        assert int(summary) <= min(expiring) + len(deadlines), f"{page!r}: {summary!r} is late"
    # PTTL counts down while it is read, between these two.
    earliest = _milliseconds(client)
    remaining: Any = client.pttl(page)
    latest = _milliseconds(client)
    if remaining == -2:
        return
    if len(expiring) < len(deadlines):
        assert remaining == -1, f"{page!r} expires, with a permanent value in it"
    else:
        told = max(expiring) - remaining
        assert earliest - _SLACK_MS < told < latest + _SLACK_MS, f"{page!r} ends at another time"


def _milliseconds(client: redis.Redis) -> int:
    seconds, microseconds = client.time()
    return int(seconds) * 1000 + int(microseconds) // 1000


def _native_deadline(expires_at: int) -> int:
    deadline = -(-expires_at // 1000)
    return deadline if deadline < _NATIVE_LIMIT else 0
