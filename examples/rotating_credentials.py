"""Passwords that a token service hands out, such as a cloud's: a provider for redis-state.

    [redis_state]
    credential_provider = my_company.rotating_credentials.provider
    credentials_lifetime = 1800

and, for every process that uses state, TOKEN_URL and REDIS_USER in the environment. Copy it, and
write your cloud's own way to get a token in the place of `fetch_from`.
"""

from __future__ import annotations

import json
import os
import threading
import time
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass, field

from redis.credentials import CredentialProvider

# A token is renewed when this part of its time is left, so that nobody has to wait for it.
_EARLY = 0.2
_PATIENCE = 2.0


@dataclass(frozen=True)
class Token:
    """A password that is valid for some seconds from now on; no repr shows it."""

    text: str = field(repr=False)
    seconds: float


class TokenProvider(CredentialProvider):
    """Says who logs in, and asks for a new token shortly before the last one ends.

    ``fetch`` gets a token, from wherever these come. One thread at a time calls it; the others go
    on with the last token as long as that is valid, and so do all when it fails.
    """

    def __init__(self, user: str, fetch: Callable[[], Token]) -> None:
        self._user = user
        self._fetch = fetch
        self._fetching = threading.Lock()
        self._token: Token | None = None
        self._renew_at = self._ends_at = 0.0

    def get_credentials(self) -> tuple[str, str]:
        """Return the user and a token that is valid."""
        if time.monotonic() >= self._renew_at:
            self._renew()
        assert self._token is not None
        return self._user, self._token.text

    def _renew(self) -> None:
        still_valid = time.monotonic() < self._ends_at
        if not self._fetching.acquire(blocking=not still_valid):
            return
        try:
            # Another thread may have fetched one while this one waited.
            if time.monotonic() >= self._renew_at:
                self._keep(time.monotonic(), self._fetch())
        except Exception:
            if time.monotonic() >= self._ends_at:
                raise
        finally:
            self._fetching.release()

    def _keep(self, begun: float, token: Token) -> None:
        self._token = token
        self._ends_at = begun + token.seconds
        self._renew_at = begun + token.seconds * (1 - _EARLY)


def fetch_from(url: str) -> Callable[[], Token]:
    """Return a function that gets tokens as OAuth 2 and metadata servers send them."""
    if not url.startswith(("http://", "https://")):
        raise ValueError("TOKEN_URL begins with neither http:// nor https://")

    def fetch() -> Token:
        request = urllib.request.Request(url, headers={"Accept": "application/json"})  # noqa: S310
        with urllib.request.urlopen(request, timeout=_PATIENCE) as response:  # noqa: S310
            answer = json.load(response)
        return Token(answer["access_token"], float(answer["expires_in"]))

    return fetch


def provider() -> TokenProvider:
    """Return the provider of this process: what `credential_provider` names."""
    return TokenProvider(os.environ["REDIS_USER"], fetch_from(os.environ["TOKEN_URL"]))
