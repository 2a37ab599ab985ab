"""Values of the hash form whose time is over, without waiting for it."""

from __future__ import annotations

import time
from typing import Any

import redis

from redis_state.format.layout import SUMMARY

_EXPIRES_AT = slice(7, 15)


def lapse(raw: redis.Redis, page: str, *fields: str) -> None:
    """Let values end a second ago, as if they had been written with a short life before that."""
    moment = time.time_ns() // 1000 - 1_000_000
    for field in fields:
        written: Any = raw.hget(page, field)
        envelope = bytearray(written)
        assert any(envelope[_EXPIRES_AT]), f"{field} was to expire"
        envelope[_EXPIRES_AT] = moment.to_bytes(8, "big")
        raw.hset(page, field, bytes(envelope))
    raw.hset(page, SUMMARY, str(moment // 1000))
