"""Settings as the arguments that redis-py opens a connection with."""

from __future__ import annotations

from typing import Any

from redis.credentials import CredentialProvider

from redis_state.client.io import credentials
from redis_state.config.settings import Settings
from redis_state.config.url import Server, Tls
from redis_state.errors import MisconfiguredError


def credential_provider(settings: Settings) -> CredentialProvider | None:
    """Return who logs in at the servers; None where nobody has to."""
    if settings.credential_provider is not None:
        return credentials.provided(settings.credential_provider)
    username, password = settings.credentials
    if username is None and password is None:
        return None
    return credentials.Configured(username, password)


def connection_options(
    settings: Settings, server: Server, *, sentinel: bool = False
) -> dict[str, Any]:
    """Return redis-py's arguments for a server, or for a ``sentinel``.

    Timeouts are not among them: each call sets those of its own budget. Nor are retries: redis-py's
    would multiply ours.
    """
    deployment = settings.deployment
    if not settings.allowed.admits(server):
        raise MisconfiguredError(
            f"[redis_state] allowed_hosts lacks {server.host}, which another server has named: add "
            f"it, or see who answers there. Nothing was sent to {server}."
        )
    options: dict[str, Any] = {"protocol": 2}
    if not sentinel:
        options["db"] = deployment.db
    who = _sentinel_credentials(settings) if sentinel else credential_provider(settings)
    if who is not None:
        options["credential_provider"] = who
    if server.path is not None:
        return options | {"path": server.path}
    options |= {"host": server.host, "port": server.port, "socket_keepalive": True}
    return options if deployment.tls is None else options | _tls_options(deployment.tls)


def _sentinel_credentials(settings: Settings) -> CredentialProvider | None:
    if settings.sentinel_password is None and settings.sentinel_username is None:
        return None
    return credentials.Configured(settings.sentinel_username, settings.sentinel_password)


def _tls_options(tls: Tls) -> dict[str, Any]:
    options = {
        "ssl_ca_certs": tls.ca_file,
        "ssl_certfile": tls.certificate,
        "ssl_keyfile": tls.key,
    }
    return {"ssl_cert_reqs": "required", "ssl_check_hostname": tls.check_hostname} | {
        name: path for name, path in options.items() if path is not None
    }
