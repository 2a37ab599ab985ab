"""The options, from keyword arguments, Airflow's configuration or the environment.

Each option is looked for in that order. A mistake is a `MisconfiguredError` that names the option
as the user wrote it, and what to do; no message shows a URL or a password.
"""

from __future__ import annotations

import contextlib
import logging
import os
import re
from collections.abc import Iterator
from datetime import timedelta
from functools import cached_property
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError, field_validator

from redis_state.airflow.configuration import option, strangers
from redis_state.airflow.connections import options_of
from redis_state.airflow.statistics import SERVER, WORKER
from redis_state.errors import MisconfiguredError
from redis_state.url import Server, read_credentials, read_url

SECTION = "redis_state"
_log = logging.getLogger(__name__)
_NAMESPACE = re.compile(r"[A-Za-z0-9._:-]+", re.ASCII)
# Redis itself takes values of up to 512 MiB.
_LARGEST_VALUE = 512 * 1024 * 1024

Seconds = Annotated[float, Field(gt=0, le=3600, allow_inf_nan=False)]


class Settings(BaseModel):
    """All options, with their defaults."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", hide_input_in_errors=True, validate_default=False
    )

    url: SecretStr = Field(
        SecretStr("redis://localhost:6379/0"),
        description="The server: redis://, rediss:// (TLS) or unix://.",
    )
    redis_conn_id: str | None = Field(
        None, description="The Airflow connection to take url, username and password from."
    )
    username: str | None = Field(None, description="The ACL user, if it is not in the URL.")
    password: SecretStr | None = Field(None, description="The password, if it is not in the URL.")
    namespace: str = Field(
        "airflow", description="What all keys begin with; one for each Airflow on the server."
    )
    pool_size: int = Field(
        40,
        ge=1,
        le=10_000,
        description="The most connections of one process, or of one loop, besides the shared one.",
    )
    fast_lane: bool = Field(
        default=True,
        description="Let concurrent calls share a connection; false: each takes one of the pool.",
    )
    connect_timeout: Seconds = Field(1.0, description="Seconds to open one connection.")
    timeout: Seconds = Field(1.0, description="Seconds that one attempt may take.")
    budget: Seconds = Field(
        2.5, description="Seconds that one call may take: connecting, waiting, retries together."
    )
    default_retention: timedelta | None = Field(
        None,
        description=(
            "How long a task's value lives that is set without expires_at, in seconds or as "
            "ISO 8601 (P30D); none: for ever."
        ),
    )
    worker_retention_days: float = Field(
        0.0,
        ge=0,
        le=36_500,
        allow_inf_nan=False,
        description=(
            "Days that a worker's payload of a task is kept when the server side does not say; "
            "0: until it is deleted."
        ),
    )
    worker_inline_bytes: int = Field(
        0,
        ge=0,
        description="A worker's value of fewer bytes goes to the server side itself; 0: none does.",
    )
    max_value_bytes: int = Field(
        16 * 1024 * 1024, ge=1, le=_LARGEST_VALUE, description="The largest value, in bytes."
    )
    max_key_chars: int = Field(
        512, ge=1, le=65_536, description="The longest state key, in characters."
    )

    @field_validator("namespace")
    @classmethod
    def _namespace_is_plain(cls, namespace: str) -> str:
        if not _NAMESPACE.fullmatch(namespace):
            raise ValueError("use letters, digits and . _ : - only")
        return namespace

    @field_validator("default_retention", mode="before")
    @classmethod
    def _retention_may_be_seconds(cls, retention: object) -> object:
        with contextlib.suppress(ValueError):
            return float(retention) if isinstance(retention, str) else retention
        return retention

    @field_validator("default_retention")
    @classmethod
    def _retention_is_positive(cls, retention: timedelta | None) -> timedelta | None:
        if retention is not None and retention <= timedelta(0):
            raise ValueError("use a duration above zero, or leave the option out")
        return retention

    @field_validator("url")
    @classmethod
    def _url_is_complete(cls, url: SecretStr) -> SecretStr:
        read_url(url.get_secret_value())
        return url

    @cached_property
    def server(self) -> Server:
        """Where the server is."""
        return read_url(self.url.get_secret_value())

    @property
    def credentials(self) -> tuple[str | None, SecretStr | None]:
        """The user and the password: the options', else the URL's."""
        username, password = read_credentials(self.url.get_secret_value())
        in_url = SecretStr(password) if password else None
        return self.username or username, self.password or in_url


# Airflow asks a command or a secrets backend for what is sensitive.
_WRITABLE = {
    *Settings.model_fields,
    *(f"{name}_{way}" for name in ("url", "password") for way in ("cmd", "secret")),
}


def load(side: str = SERVER, /, **options: Any) -> Settings:
    """Build the settings: from ``options``, else Airflow's section, else the environment."""
    found: dict[str, Any] = {}
    written = {name: f"{name}=" for name in options}
    for name in Settings.model_fields.keys() - options.keys():
        for spelled, text in _sources(name):
            if text is not None and text.strip():
                found[name], written[name] = text.strip(), spelled
                break
    for name in strangers(SECTION, _WRITABLE):
        # No error: a newer version, beside this one during an upgrade, may know the option.
        _log.warning("[%s] %s is no option of redis-state and has no effect.", SECTION, name)
    return _build(side, found | options, written)


def _sources(name: str) -> Iterator[tuple[str, str | None]]:
    yield f"[{SECTION}] {name}", option(SECTION, name)
    variable = f"REDIS_STATE_{name}".upper()
    yield variable, os.environ.get(variable)


def _build(side: str, found: dict[str, Any], written: dict[str, str]) -> Settings:
    conn_id = found.get("redis_conn_id")
    if conn_id:
        if "url" in found:
            raise MisconfiguredError(
                f"{written['redis_conn_id']} and {written['url']} both say where the server is: "
                "set one of them."
            )
        for name, value in options_of(str(conn_id), worker=side == WORKER).items():
            found.setdefault(name, value)
            written.setdefault(name, f"The {name} of the connection {conn_id!r}")
    try:
        return Settings(**found)
    except ValidationError as error:
        raise MisconfiguredError(_explain(error, written)) from None


def _explain(error: ValidationError, written: dict[str, str]) -> str:
    lines = []
    for problem in error.errors(include_url=False, include_context=False, include_input=False):
        name = str(problem["loc"][0])
        if problem["type"] == "extra_forbidden":
            names = ", ".join(Settings.model_fields)
            lines.append(f"{name}= is no option of redis-state; there are: {names}.")
        else:
            message = problem["msg"].removeprefix("Value error, ")
            meaning = Settings.model_fields[name].description
            lines.append(f"{written.get(name, name)} is wrong: {message}. {meaning}")
    return " ".join(lines)
