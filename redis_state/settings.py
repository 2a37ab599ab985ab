"""The options, from keyword arguments, Airflow's configuration or the environment.

Each option is looked for in that order. A mistake is a `MisconfiguredError` that names the option
as the user wrote it, and what to do; no message shows a URL or a password.
"""

from __future__ import annotations

import contextlib
import logging
import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from functools import cached_property
from importlib import import_module
from typing import Annotated, Any
from urllib.parse import parse_qsl, unquote, urlsplit

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError, field_validator

from redis_state.errors import MisconfiguredError

SECTION = "redis_state"
_log = logging.getLogger(__name__)
_ENVIRONMENT_PREFIX = "REDIS_STATE_"
_NAMESPACE = re.compile(r"[A-Za-z0-9._:-]+", re.ASCII)
_SCHEMES = ("redis", "rediss", "unix")
_URL_HELP = (
    "write redis://[user:password@]host:port/db, rediss://... for TLS, "
    "or unix:///path/to/socket?db=0"
)
# Redis itself takes values of up to 512 MiB.
_LARGEST_VALUE = 512 * 1024 * 1024

Seconds = Annotated[float, Field(gt=0, le=3600, allow_inf_nan=False)]


@dataclass(frozen=True, slots=True)
class Server:
    """Where the server is, read from the URL; a password is not part of it."""

    host: str = "localhost"
    port: int = 6379
    path: str | None = None
    db: int = 0
    tls: bool = False
    ca_file: str | None = None

    def __str__(self) -> str:
        where = self.path or f"{self.host}:{self.port}"
        return f"{where}/{self.db}"


class Settings(BaseModel):
    """All options, with their defaults."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", hide_input_in_errors=True, validate_default=False
    )

    url: SecretStr = Field(
        SecretStr("redis://localhost:6379/0"),
        description="The server: redis://, rediss:// (TLS) or unix://.",
    )
    username: str | None = Field(None, description="The ACL user, if it is not in the URL.")
    password: SecretStr | None = Field(None, description="The password, if it is not in the URL.")
    namespace: str = Field(
        "airflow", description="What all keys begin with; one for each Airflow on the server."
    )
    pool_size: int = Field(
        40, ge=1, le=10_000, description="The most connections of one process, or of one loop."
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
        _read_url(url.get_secret_value())
        return url

    @cached_property
    def server(self) -> Server:
        """Where the server is."""
        return _read_url(self.url.get_secret_value())

    @property
    def credentials(self) -> tuple[str | None, SecretStr | None]:
        """The user and the password: the options', else the URL's."""
        parts = urlsplit(self.url.get_secret_value())
        username = self.username or (unquote(parts.username) if parts.username else None)
        password = self.password
        if password is None and parts.password:
            password = SecretStr(unquote(parts.password))
        return username, password


def load(**options: Any) -> Settings:
    """Build the settings: from ``options``, else Airflow's section, else the environment."""
    found: dict[str, Any] = {}
    written: dict[str, str] = {name: name for name in options}
    for spell, look_up in ((_spell_environment, os.environ.get), _airflow_source()):
        for name in Settings.model_fields:
            text = look_up(spell(name))
            if text is not None and text.strip():
                found[name], written[name] = text.strip(), spell(name)
    written.update({name: f"{name}=" for name in options})
    try:
        return Settings(**(found | options))
    except ValidationError as error:
        raise MisconfiguredError(_explain(error, written)) from None


def _spell_environment(name: str) -> str:
    return _ENVIRONMENT_PREFIX + name.upper()


def _spell_airflow(name: str) -> str:
    return f"[{SECTION}] {name}"


def _airflow_source() -> tuple[Callable[[str], str], Callable[[str], str | None]]:
    conf = _airflow_configuration()
    if conf is not None:
        _warn_of_strangers(conf.getsection(SECTION) or {})

    def look_up(spelled: str) -> str | None:
        name = spelled.removeprefix(f"[{SECTION}] ")
        if conf is None:
            return os.environ.get(f"AIRFLOW__{SECTION}__{name}".upper())
        value = conf.get(SECTION, name, fallback=None)
        return None if value is None else str(value)

    return _spell_airflow, look_up


def _warn_of_strangers(section: Mapping[str, object]) -> None:
    # No error: a newer version, beside this one during an upgrade, may know the option.
    for name in section.keys() - Settings.model_fields.keys():
        _log.warning("%s is no option of redis-state and has no effect.", _spell_airflow(name))


def _airflow_configuration() -> Any:
    for home in ("airflow.configuration", "airflow.sdk.configuration"):
        # The task SDK alone cannot read its own configuration: it looks for a file of the core's.
        with contextlib.suppress(ImportError, FileNotFoundError):
            return import_module(home).conf
    return None


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


def _read_url(url: str) -> Server:
    """Read a URL; its errors never quote it, because it may hold a password."""
    try:
        parts = urlsplit(url)
        options = dict(parse_qsl(parts.query, keep_blank_values=True, strict_parsing=True))
    except ValueError:
        raise ValueError(f"it cannot be read as a URL; {_URL_HELP}") from None
    if parts.scheme not in _SCHEMES:
        raise ValueError(f"it begins with none of {', '.join(_SCHEMES)}; {_URL_HELP}")
    tls = parts.scheme == "rediss"
    ca_file = options.pop("ssl_ca_certs", None)
    if ca_file is not None and not tls:
        raise ValueError("ssl_ca_certs needs a rediss:// URL")
    is_unix = parts.scheme == "unix"
    db = options.pop("db", None) or ("0" if is_unix else parts.path.strip("/") or "0")
    if options:
        raise ValueError(f"it has options that nothing would read: {', '.join(sorted(options))}")
    if not db.isdecimal():
        raise ValueError(f"the database behind the slash is a number; {_URL_HELP}")
    if is_unix:
        if parts.hostname:
            raise ValueError("a path begins with a slash of its own: unix:///path/to/socket")
        return _read_socket(parts.path, int(db))
    try:
        host, port = parts.hostname, parts.port
    except ValueError:
        raise ValueError(f"its port is no number from 0 to 65535; {_URL_HELP}") from None
    if port == 0:
        raise ValueError(f"there is no port 0; {_URL_HELP}")
    return Server(host or "localhost", port or 6379, None, int(db), tls, ca_file)


def _read_socket(path: str, db: int) -> Server:
    if not path:
        raise ValueError(f"it names no socket; {_URL_HELP}")
    return Server(path=unquote(path), db=db)
