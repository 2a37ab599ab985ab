"""Who asks: what a token says, by Airflow's own check of it, afresh for each request."""

from __future__ import annotations

import time
from typing import Any
from uuid import UUID

import svcs

from redis_state.plugin.express_lane import passing
from redis_state.plugin.express_lane.checked import JWTValidator
from redis_state.plugin.express_lane.passing import Passes

# As Airflow's own rule has it, which renews a token in the last part of its life.
_LAST_PART = 0.20
_LAST_SECONDS = 30


async def bearer(registry: svcs.Registry, token: str) -> UUID:
    """Return the task instance that a token is for, if it is valid here and for some time yet."""
    async with svcs.Container(registry) as services:
        validator = await services.aget(JWTValidator)
    try:
        claims = await validator.avalidated_claims(token, {})
    except Exception:  # noqa: BLE001 - whatever is wrong with it, Airflow refuses it
        raise Passes(passing.TOKEN) from None
    if claims.get("scope", "execution") != "execution":
        raise Passes(passing.TOKEN)
    if _is_to_be_renewed(claims):
        raise Passes(passing.RENEWAL)
    return _task_instance(claims.get("sub"))


def _is_to_be_renewed(claims: dict[str, Any]) -> bool:
    expires, issued = int(claims.get("exp", 0)), int(claims.get("iat", 0))
    last = max(int((expires - issued) * _LAST_PART), _LAST_SECONDS)
    return expires - int(time.time()) <= last


def _task_instance(subject: object) -> UUID:
    try:
        id_ = UUID(str(subject))
    except ValueError:
        raise Passes(passing.TOKEN) from None
    # As text: Airflow's own spelling, and no other of the same id.
    if str(id_) != subject:
        raise Passes(passing.TOKEN)
    return id_
