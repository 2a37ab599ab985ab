"""Whether the options agree about who logs in, and where."""

from __future__ import annotations

from typing import TYPE_CHECKING

from redis_state.errors import MisconfiguredError

if TYPE_CHECKING:
    from redis_state.config.settings import Settings


def check_who_logs_in(settings: Settings, written: dict[str, str]) -> None:
    """Refuse two answers to the same question; ``written`` is how the options were spelled."""
    if settings.credential_provider is not None and settings.credentials != (None, None):
        raise MisconfiguredError(
            f"{written['credential_provider']} says who logs in, and so does a user or a password "
            "(an option, in the url, or of the connection): set one of them."
        )
    for name in ("sentinel_username", "sentinel_password"):
        if getattr(settings, name) is not None and settings.deployment.topology != "sentinel":
            raise MisconfiguredError(
                f"{written[name]} is set, and the url names no sentinels to log in at: write "
                "redis+sentinel://host:port,host:port/service, or take the option out."
            )
