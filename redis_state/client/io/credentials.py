"""Who logs in: a password that was configured, or what a provider of the user's own says."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from functools import cache
from importlib import import_module
from inspect import isclass
from typing import Any, TypeAlias

from pydantic import SecretStr
from redis.credentials import CredentialProvider

from redis_state.errors import MisconfiguredError, UnavailableError

Credentials: TypeAlias = tuple[str] | tuple[str, str]
_OPTION = "[redis_state] credential_provider"
# Older versions of redis-py have none, and ask in the loop.
_ASYNC = "get_credentials_async"


class Configured(CredentialProvider):
    """Hands out the password when a connection logs in; keeps it out of every repr."""

    def __init__(self, username: str | None, password: SecretStr | None) -> None:
        self._username = username
        self._password = password or SecretStr("")

    def get_credentials(self) -> Credentials:
        """Return the arguments of AUTH."""
        password = self._password.get_secret_value()
        return (self._username, password) if self._username else (password,)

    async def get_credentials_async(self) -> Credentials:
        """Return the arguments of AUTH."""
        return self.get_credentials()


class Provided(CredentialProvider):
    """Asks a provider of the user's own, of whose errors no message is told: it may be a secret."""

    def __init__(self, path: str) -> None:
        self._path = path

    def __repr__(self) -> str:
        return f"Provided({self._path!r})"

    def get_credentials(self) -> Credentials:
        """Ask in this thread."""
        provider = _provider(self._path)
        failure, found = None, None
        try:
            found = provider.get_credentials()
        except Exception as error:  # noqa: BLE001 - whatever it says, it may tell a secret
            failure = type(error).__name__
        return self._checked(found, failure)

    async def get_credentials_async(self) -> Credentials:
        """Ask without holding up the loop."""
        provider = _provider(self._path)
        own = getattr(type(provider), _ASYNC, None)
        if own is None or own is getattr(CredentialProvider, _ASYNC, None):
            # It may wait for the network.
            return await asyncio.to_thread(self.get_credentials)
        failure, found = None, None
        try:
            found = await own(provider)
        except Exception as error:  # noqa: BLE001 - whatever it says, it may tell a secret
            failure = type(error).__name__
        return self._checked(found, failure)

    def _checked(self, found: Any, failure: str | None) -> Credentials:
        # Raised outside of any except, so that the error has no context that tells more.
        if failure is not None:
            raise UnavailableError(
                f"{_OPTION}: the credential provider {self._path} failed ({failure}). "
                "See its own log, and whether what it asks can be reached."
            )
        if not isinstance(found, tuple) or len(found) not in (1, 2) or not _are_texts(found):
            raise MisconfiguredError(
                f"{_OPTION}: the credential provider {self._path} gave something else than "
                "(password,) or (user, password)."
            )
        return found


def _are_texts(found: tuple[Any, ...]) -> bool:
    return all(isinstance(part, str) for part in found)


def provided(path: str) -> Provided:
    """Return who asks the provider of a dotted path; one that cannot be had is an error now."""
    _provider(path)
    return Provided(path)


@cache
def _provider(path: str) -> CredentialProvider:
    """Return the provider of a dotted path, the same one for all connections of the process."""
    found = _named(path)
    if not isinstance(found, CredentialProvider):
        if not callable(found) or (isclass(found) and not issubclass(found, CredentialProvider)):
            raise _wrong_type(path)
        found = _called(path, found)
    if not isinstance(found, CredentialProvider):
        raise _wrong_type(path)
    return found


# A provider may hold locks and connections that belong to the parent.
os.register_at_fork(after_in_child=_provider.cache_clear)


def _named(path: str) -> Any:
    module, _, name = path.rpartition(":" if ":" in path else ".")
    if not module or not name:
        raise MisconfiguredError(f"{_OPTION}: write it as package.module.Name.")
    failure = None
    try:
        found: Any = import_module(module)
        for part in name.split("."):
            found = getattr(found, part)
    except Exception as error:  # noqa: BLE001 - importing runs the user's code
        failure = type(error).__name__
    if failure is not None:
        raise MisconfiguredError(
            f"{_OPTION}: {path} cannot be imported ({failure}). Install its package wherever "
            "redis-state is, or correct the name: it is written package.module.Name."
        )
    return found


def _called(path: str, make: Callable[[], Any]) -> Any:
    failure, made = None, None
    try:
        made = make()
    except Exception as error:  # noqa: BLE001 - whatever it says, it may tell a secret
        failure = type(error).__name__
    if failure is not None:
        raise MisconfiguredError(
            f"{_OPTION}: {path}() failed ({failure}). It is called without arguments, "
            "and must not need anything that is not there."
        )
    return made


def _wrong_type(path: str) -> MisconfiguredError:
    return MisconfiguredError(
        f"{_OPTION}: {path} is no redis.CredentialProvider: name a class of these, "
        "one of its instances, or a function that returns one."
    )
