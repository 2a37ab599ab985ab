"""Where a command works: with the options of the backend, and those of the command line before."""

from __future__ import annotations

import argparse
import gc
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, closing, contextmanager
from typing import Any, TypeVar

import anyio

from redis_state.admin.store import Store
from redis_state.backends.server import RedisStateBackend
from redis_state.backends.worker import RedisWorkerBackend
from redis_state.client._async.client import AsyncClient
from redis_state.config.settings import Settings, load
from redis_state.config.url import read_credentials
from redis_state.errors import MisconfiguredError
from redis_state.format.codec import Codec

T = TypeVar("T")
_NAMES = ("url", "username", "namespace")


def settings_of(given: argparse.Namespace) -> Settings:
    """Return the settings that a command works with."""
    return load(**_options(given))


@contextmanager
def backend_of(given: argparse.Namespace) -> Iterator[RedisStateBackend]:
    """Open the backend that a command works with."""
    with closing(RedisStateBackend(**_options(given))) as backend:
        yield backend


@contextmanager
def worker_backend_of(given: argparse.Namespace) -> Iterator[RedisWorkerBackend]:
    """Open the backend of the worker side."""
    with closing(RedisWorkerBackend(**_options(given))) as backend:
        yield backend


@asynccontextmanager
async def store_of(settings: Settings) -> AsyncIterator[Store]:
    """Open a store for what overlaps, on the running loop."""
    client = AsyncClient(settings)
    try:
        yield Store(settings, Codec(settings), client)
    finally:
        client.close()


def overlapping(given: argparse.Namespace, work: Callable[[Store], Awaitable[T]]) -> T:
    """Run what overlaps with the store that a command works with, and return its result."""
    settings = settings_of(given)

    async def main() -> T:
        async with store_of(settings) as store:
            return await work(store)

    leave_imports_alone()
    return anyio.run(main)


def leave_imports_alone() -> None:
    """Spare the garbage collector what is imported: with Airflow, a quarter of a long command."""
    gc.freeze()


def _options(given: argparse.Namespace) -> dict[str, Any]:
    options = {name: value for name in _NAMES if (value := getattr(given, name)) is not None}
    if "url" in options:
        refuse_password(options["url"], "--url", "REDIS_STATE_PASSWORD")
        # What the command line says goes before a connection that is configured.
        options["redis_conn_id"] = None
    return options


def refuse_password(url: str, option: str, variable: str) -> None:
    """Refuse a URL with a password; a variable of the environment may have it."""
    try:
        _, password = read_credentials(url)
    except ValueError as error:
        raise MisconfiguredError(f"{option} is wrong: {error}.") from None
    if password is not None:
        raise MisconfiguredError(
            f"{option} holds a password, which every user of this machine can read in the list of "
            f"processes: leave it out, and set {variable} in the environment."
        )
