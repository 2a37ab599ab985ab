"""The options, from keyword arguments, Airflow's configuration or the environment.

Each option is looked for in that order. A mistake is a `MisconfiguredError` that names the option
as the user wrote it, and what to do; no message shows a URL or a password.
"""

from __future__ import annotations

from functools import cached_property
from typing import Any, Literal, get_args

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    SecretStr,
    ValidationError,
    ValidationInfo,
    field_validator,
)

from redis_state.airflow.sides import SERVER
from redis_state.config.allowed_hosts import AllowedHosts, read_allowed
from redis_state.config.durability import Durability, read_durability
from redis_state.config.fields import Hosts, Namespace, Promise, Retention, Seconds, Url
from redis_state.config.logins import check_who_logs_in
from redis_state.config.sources import SECTION, explain, gather
from redis_state.config.url import Deployment, read_credentials, read_url
from redis_state.errors import MisconfiguredError

__all__ = ["SECTION", "SENSITIVE", "Settings", "load"]

# Redis itself takes values of up to 512 MiB.
_LARGEST_VALUE = 512 * 1024 * 1024
# Redis writes its file to the disk once a second, if it is not told otherwise.
_A_SYNC = 1.9


class Settings(BaseModel):
    """All options, with their defaults."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", hide_input_in_errors=True, validate_default=False
    )

    url: Url = Field(
        SecretStr("redis://localhost:6379/0"),
        description=(
            "The server: redis://, rediss:// (TLS) or unix://; sentinels: redis+sentinel://; "
            "a cluster: redis+cluster://."
        ),
    )
    redis_conn_id: str | None = Field(
        None, description="The Airflow connection to take url, username and password from."
    )
    username: str | None = Field(None, description="The ACL user, if it is not in the URL.")
    password: SecretStr | None = Field(None, description="The password, if it is not in the URL.")
    sentinel_username: str | None = Field(None, description="The ACL user at the sentinels.")
    sentinel_password: SecretStr | None = Field(None, description="The password of the sentinels.")
    credential_provider: str | None = Field(
        None,
        description=(
            "The dotted path of a redis-py CredentialProvider, in place of username and password."
        ),
    )
    credentials_lifetime: float = Field(
        0.0,
        ge=0,
        allow_inf_nan=False,
        description=(
            "Seconds after which an open connection logs in again, with fresh credentials; "
            "0: it keeps what it logged in with."
        ),
    )
    allowed_hosts: Hosts = Field(
        None,
        description=(
            "Hosts, networks (10.1.0.0/16) and suffixes (*.redis.example) that nodes of a cluster "
            "and sentinels may send to, besides those of the url; none: anywhere."
        ),
    )
    namespace: Namespace = Field(
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
    timeout: Seconds = Field(1.0, description="Seconds for which the server may say nothing.")
    budget: Seconds = Field(
        2.5, description="Seconds that one call may take: connecting, waiting, retries together."
    )
    breaker_after: float = Field(
        0.5,
        ge=0,
        le=3600,
        allow_inf_nan=False,
        description=(
            "Seconds of failure after which a few calls at a time wait for Redis, and the others "
            "end at once; 0: each waits."
        ),
    )
    slow_call_ms: int = Field(
        0,
        ge=0,
        le=3_600_000,
        description="Log a call that takes this many milliseconds or more; 0: none is logged.",
    )
    durability: Promise = Field(
        "memory",
        description=(
            "What a write waits for: memory (the server's), aof (its disk), or replicas:N "
            "(so many replicas)."
        ),
    )
    durability_timeout: Seconds | None = Field(
        None,
        description=(
            "Seconds that a write waits for this, less than budget; none: 80 % of timeout, and at "
            "least 1.5 for aof."
        ),
    )
    default_retention: Retention = Field(
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
            "Days that a worker value of a task is kept when the server side does not say; "
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
    compression_threshold: int = Field(
        0,
        ge=0,
        description="Compress values from this many bytes on, such as 1024; 0: compress none.",
    )
    encryption: Literal["off", "airflow", "own"] = Field(
        "off",
        description="Encrypt values: with Airflow's fernet_key, or with one's own encryption_keys.",
    )
    encryption_keys: SecretStr | None = Field(
        None,
        description=(
            "Keys like Fernet's, separated by commas: the first one encrypts, all of them decrypt."
        ),
    )

    ui_bridge: bool = Field(
        default=True,
        description="Let Airflow's own UI and REST API show and change the state in Redis.",
    )
    express_lane: bool = Field(
        default=False,
        description="Answer tasks' state calls in front of Airflow's own routes, ten times faster.",
    )
    untested_airflow: bool = Field(
        default=False,
        description="Use the plug-in with an Airflow that this release was not tested with.",
    )

    require_owner: bool = Field(
        default=False,
        description="Refuse a namespace that is marked as that of another metadata database.",
    )

    @field_validator("durability_timeout")
    @classmethod
    def _durability_fits_into_a_call(
        cls, seconds: float | None, others: ValidationInfo
    ) -> float | None:
        if seconds is not None and seconds >= others.data.get("budget", seconds + 1):
            raise ValueError("use less than budget, within which the call has to end")
        return seconds

    @cached_property
    def durable(self) -> Durability | None:
        """What a write waits for, or None where it does not."""
        usual = max(self.timeout, _A_SYNC) if self.durability == "aof" else self.timeout
        seconds = self.durability_timeout or 0.8 * min(usual, self.budget)
        return read_durability(self.durability, seconds)

    @cached_property
    def deployment(self) -> Deployment:
        """Where the servers are."""
        return read_url(self.url.get_secret_value())

    @cached_property
    def allowed(self) -> AllowedHosts:
        """Which servers may be connected to that others name."""
        return read_allowed(self.allowed_hosts, self.deployment)

    @property
    def credentials(self) -> tuple[str | None, SecretStr | None]:
        """The user and the password: the options', else the URL's."""
        username, password = read_credentials(self.url.get_secret_value())
        in_url = SecretStr(password) if password else None
        return self.username or username, self.password or in_url


# What Airflow hides, and reads from a command or a secrets backend.
SENSITIVE = frozenset(
    name
    for name, field in Settings.model_fields.items()
    if SecretStr in (field.annotation, *get_args(field.annotation))
)


def load(side: str = SERVER, /, **options: Any) -> Settings:
    """Build the settings: from ``options``, else Airflow's section, else the environment."""
    found, written = gather(side, Settings.model_fields, SENSITIVE, options)
    try:
        settings = Settings(**found)
    except ValidationError as error:
        raise MisconfiguredError(explain(error, written, Settings.model_fields)) from None
    check_who_logs_in(settings, written)
    return settings
