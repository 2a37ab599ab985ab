"""Credential providers as users write them, good and bad, to be named by their dotted paths."""

from __future__ import annotations

import threading
from typing import Any, ClassVar

from redis.credentials import CredentialProvider

SECRET = "hunter2-very-secret"


class Told(CredentialProvider):
    """Says what the test tells it."""

    answer: ClassVar[Any] = ()
    fails: ClassVar[Exception | None] = None
    made: ClassVar[int] = 0
    threads: ClassVar[set[int]] = set()

    def __init__(self) -> None:
        Told.made += 1

    def get_credentials(self) -> Any:
        Told.threads.add(threading.get_ident())
        if Told.fails is not None:
            raise Told.fails
        return Told.answer


class ToldOfLoops(Told):
    """Says it to loops in its own way."""

    async def get_credentials_async(self) -> Any:
        return self.get_credentials()


class NeedsArguments(CredentialProvider):
    def __init__(self, secret: str) -> None: ...


class CannotBeMade(CredentialProvider):
    def __init__(self) -> None:
        raise RuntimeError(SECRET)


INSTANCE = Told()
NOTHING = None


class Stranger: ...


def function() -> CredentialProvider:
    return Told()


def function_of_a_stranger() -> Stranger:
    return Stranger()
