"""What an option may be: checks of single options, each with a message that says what to write."""

from __future__ import annotations

import contextlib
import re
from datetime import timedelta
from typing import Annotated, TypeAlias

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr

from redis_state.config.allowed_hosts import read_allowed
from redis_state.config.durability import read_durability
from redis_state.config.tls import context
from redis_state.config.url import read_url

_NAMESPACE = re.compile(r"[A-Za-z0-9._:-]+", re.ASCII)


def _plain(namespace: str) -> str:
    if not _NAMESPACE.fullmatch(namespace):
        raise ValueError("use letters, digits and . _ : - only")
    return namespace


def _perhaps_seconds(retention: object) -> object:
    with contextlib.suppress(ValueError):
        return float(retention) if isinstance(retention, str) else retention
    return retention


def _positive(retention: timedelta | None) -> timedelta | None:
    if retention is not None and retention <= timedelta(0):
        raise ValueError("use a duration above zero, or leave the option out")
    return retention


def _complete(url: SecretStr) -> SecretStr:
    try:
        tls = read_url(url.get_secret_value()).tls
        if tls is not None:
            context(tls)
    except ValueError as error:
        # It may quote what no text can show.
        message = str(error).encode("utf-8", "backslashreplace").decode()
        raise ValueError(message) from None
    return url


def _to_be_had(durability: str) -> str:
    read_durability(durability, 1.0)
    return durability


def _to_be_read(allowed_hosts: str | None) -> str | None:
    read_allowed(allowed_hosts)
    return allowed_hosts


Seconds: TypeAlias = Annotated[float, Field(gt=0, le=3600, allow_inf_nan=False)]
Namespace: TypeAlias = Annotated[str, AfterValidator(_plain)]
Retention: TypeAlias = Annotated[
    timedelta | None, BeforeValidator(_perhaps_seconds), AfterValidator(_positive)
]
Url: TypeAlias = Annotated[SecretStr, AfterValidator(_complete)]
Promise: TypeAlias = Annotated[str, AfterValidator(_to_be_had)]
Hosts: TypeAlias = Annotated[str | None, AfterValidator(_to_be_read)]
