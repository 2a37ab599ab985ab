"""What is asked of a server on each new connection, and how one that stands logs in again."""

from __future__ import annotations

import logging
import time

from redis.credentials import CredentialProvider

from redis_state.client.io.options import credential_provider
from redis_state.client.policy import abandoned
from redis_state.client.policy.abandoned import Identity, read_identity
from redis_state.client.policy.server_errors import check_role, read_capabilities
from redis_state.config.settings import Settings
from redis_state.config.url import Deployment, Server
from redis_state.errors import StateStoreError
from redis_state.operations.operation import PROBE, Batch, Capabilities, Replies

_log = logging.getLogger(__name__)
# Seconds until credentials are asked for again that could not be had.
_ASKS_AGAIN = 5.0


def questions(deployment: Deployment) -> Batch:
    """Return what is asked: what the server can do, who we are to it, and its role if need be."""
    asked = [*PROBE, abandoned.QUESTION]
    return [*asked, ("ROLE",)] if deployment.topology == "sentinel" else asked


def read_answers(replies: Replies, server: Server) -> tuple[Capabilities, Identity | None]:
    """Read the replies to `questions`."""
    can, identity, *role = replies
    if role:
        check_role(role[0], server)
    return read_capabilities([can], server), read_identity(identity, server)


class Renewal:
    """Credentials that end: a connection that lives longer has to log in again."""

    def __init__(self, provider: CredentialProvider, lifetime: float) -> None:
        self.provider = provider
        self._lifetime = lifetime

    def is_due(self, logged_in_at: float) -> bool:
        """Tell whether a connection that logged in then has to do so again."""
        return time.monotonic() - logged_in_at >= self._lifetime

    @staticmethod
    def begins() -> float:
        """Return the time of the login that is made now."""
        return time.monotonic()

    def put_off(self, error: StateStoreError) -> float:
        """Return a time of login by which the next try is made soon."""
        _log.warning("%s The connection goes on with the credentials that it has.", error)
        return time.monotonic() - self._lifetime + min(self._lifetime, _ASKS_AGAIN)

    @staticmethod
    def batch(credentials: tuple[str] | tuple[str, str]) -> Batch:
        """Return what logs in."""
        return [("AUTH", *credentials)]


def renewal(settings: Settings) -> Renewal | None:
    """Return how logins are renewed, or None where a connection keeps what it has."""
    provider = credential_provider(settings) if settings.credentials_lifetime else None
    return Renewal(provider, settings.credentials_lifetime) if provider else None
