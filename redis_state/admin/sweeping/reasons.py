"""Why a value has no owner."""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple

from redis_state.admin.walking import Found


class Reason(StrEnum):
    """Why a value goes."""

    DELETED_RUN = "deleted_run"
    # Its run was deleted, and another created under the same id.
    EARLIER_RUN = "earlier_run"
    DELETED_ASSET = "deleted_asset"
    NO_REFERENCE = "no_reference"


class Ownerless(NamedTuple):
    """A value without an owner."""

    found: Found
    reason: Reason
