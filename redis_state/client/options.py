"""Settings as the arguments that redis-py opens a connection with."""

from __future__ import annotations

from typing import Any

from pydantic import SecretStr
from redis.credentials import CredentialProvider

from redis_state.settings import Settings


class _Credentials(CredentialProvider):
    """Hands out the password when a connection logs in; keeps it out of every repr."""

    def __init__(self, username: str | None, password: SecretStr) -> None:
        self._username = username
        self._password = password

    def get_credentials(self) -> tuple[str] | tuple[str, str]:
        password = self._password.get_secret_value()
        return (self._username, password) if self._username else (password,)

    async def get_credentials_async(self) -> tuple[str] | tuple[str, str]:
        return self.get_credentials()


def connection_options(settings: Settings) -> dict[str, Any]:
    """Return redis-py's arguments for this server.

    Timeouts are not among them: each call sets those of its own budget. Nor are retries: redis-py's
    would multiply ours.
    """
    server = settings.server
    options: dict[str, Any] = {"db": server.db, "protocol": 2}
    username, password = settings.credentials
    if password is not None:
        options["credential_provider"] = _Credentials(username, password)
    if server.path is not None:
        return options | {"path": server.path}
    options |= {"host": server.host, "port": server.port, "socket_keepalive": True}
    if server.tls:
        options |= {"ssl_cert_reqs": "required", "ssl_check_hostname": True}
        if server.ca_file is not None:
            options["ssl_ca_certs"] = server.ca_file
    return options
