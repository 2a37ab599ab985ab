"""Errors as Airflow's API server answers them: with a status, and a message for the task's log.

Airflow's client tries again after a 5xx and gives up after a 4xx, so what trying again does not
mend is a 4xx. The error stays what it is, and is one of FastAPI's as well. FastAPI logs none of its
own, so what an operator has to know is logged here.
"""

from __future__ import annotations

import logging
import sys
from functools import cache
from typing import Any

from redis_state.errors import (
    ConflictError,
    CorruptValueError,
    InvalidInputError,
    MisconfiguredError,
    StateStoreError,
    TooLargeError,
)

_STATUSES: dict[type[StateStoreError], int] = {
    TooLargeError: 413,
    InvalidInputError: 422,
    ConflictError: 409,
    CorruptValueError: 409,
    # "Failed Dependency": nothing else in Airflow answers so, and no client takes it for its own.
    MisconfiguredError: 424,
    StateStoreError: 503,
}
_log = logging.getLogger(__name__)


def as_http_error(error: StateStoreError) -> StateStoreError:
    """Return the error as one that FastAPI answers by itself, where this process runs FastAPI."""
    if "fastapi" not in sys.modules:
        return error
    status = next(status for kind, status in _STATUSES.items() if isinstance(error, kind))
    if not isinstance(error, InvalidInputError):
        _log.error("%s", error)
    kind: Any = _kind(type(error))  # type: ignore[arg-type]  # a class is hashable
    http_error: StateStoreError = kind(str(error))
    http_error.status_code = status  # type: ignore[attr-defined]
    # A text: of anything else, Airflow's client would say no more than "Server returned error".
    http_error.detail = str(error)  # type: ignore[attr-defined]
    http_error.headers = None  # type: ignore[attr-defined]
    return http_error.with_traceback(error.__traceback__)


@cache
def _kind(error: type[StateStoreError]) -> type[StateStoreError]:
    from fastapi import HTTPException

    # Without its constructor and text, which would put a status in front of the message.
    own = {"__init__": error.__init__, "__str__": error.__str__, "__module__": error.__module__}
    return type(error.__name__, (error, HTTPException), own)
