"""When a value is to expire, in each form that Airflow reads or refuses."""

from __future__ import annotations

import json
from typing import Any

from tests.with_airflow.lane.asked import ANSWERED, Asked, ask, put

_READ: dict[str, Any] = {
    "null": None,
    "in UTC": "2099-01-02T03:04:05Z",
    "in UTC, lower case": "2099-01-02t03:04:05z",
    "with an offset": "2099-01-02T03:04:05+05:45",
    "with a negative offset": "2099-01-02T03:04:05-08:00",
    "with an offset of no minutes": "2099-01-02T03:04:05+0545",
    "with microseconds": "2099-01-02T03:04:05.678901Z",
    "with nanoseconds": "2099-01-02T03:04:05.678901234Z",
    "naive": "2099-01-02T03:04:05",
    "naive with a space": "2099-01-02 03:04:05",
    "without seconds": "2099-01-02T03:04Z",
    "of a date": "2099-01-02",
    "of a number": 4_070_908_800,
    "of a number of milliseconds": 4_070_908_800_000,
    "of a number with a fraction": 4_070_908_800.25,
    "of a number as text": "4070908800",
    "of zero": 0,
    "of a negative number": -1,
    "in the past": "2001-01-02T03:04:05Z",
    "before 1970": "1901-01-02T03:04:05Z",
    "in the first year": "0001-01-01T00:00:00Z",
    "at the end of time": "9999-12-31T23:59:59.999999Z",
    "at the end of time, west": "9999-12-31T23:59:59.999999-08:00",
    "at the first moment, east": "0001-01-01T00:00:00+05:45",
}
_REFUSED: dict[str, Any] = {
    "empty": "",
    "of words": "tomorrow",
    "default": "default",
    "after the end of time": "10000-01-01T00:00:00Z",
    "of no date": "2099-02-30T00:00:00Z",
    "of a leap second": "2099-12-31T23:59:60Z",
    "of a huge number": 10**30,
    "true": True,
    "of a list": [],
    "of an object": {"at": 1},
    "of a duration": "P30D",
    "with a name": "2099-01-02T03:04:05 Europe/Berlin",
}


def _with(expires_at: Any) -> bytes:
    return json.dumps({"value": 1, "expires_at": expires_at}).encode()


EXPIRIES: tuple[Asked, ...] = (
    *(put(f"expiry {name}", ANSWERED, "new", body=_with(when)) for name, when in _READ.items()),
    *(put(f"expiry {name}", "body", "new", body=_with(when)) for name, when in _REFUSED.items()),
    put("expiry of NaN", "body", "new", body=b'{"value": 1, "expires_at": NaN}'),
    put(
        "expiry before the value",
        ANSWERED,
        "new",
        body=b'{"expires_at": "2099-01-02T03:04:05Z", "value": 1}',
    ),
    put(
        "expiry twice",
        ANSWERED,
        "new",
        body=b'{"expires_at": "2099-01-02T03:04:05Z", "value": 1, "expires_at": null}',
    ),
    put("a value that expired is set for ever", ANSWERED, "expiring"),
    put(
        "a value that expires is set to expire later",
        ANSWERED,
        "expiring",
        body=_with("2098-01-02T03:04:05Z"),
    ),
    put("a value is set to have expired", ANSWERED, "key", body=_with("2001-01-02T03:04:05Z")),
    ask("get of a value that has expired", ANSWERED, "GET", "expired"),
)
