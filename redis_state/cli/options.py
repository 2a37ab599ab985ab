"""The options that all commands share: where the servers are, as the backend knows it.

No password is taken from the command line, where every user of the machine could read it.
"""

from __future__ import annotations

import argparse
from typing import Any, TypeAlias

from redis_state.backends.base import RedisBackend
from redis_state.backends.server import RedisStateBackend
from redis_state.backends.worker import RedisWorkerBackend
from redis_state.config.url import read_credentials
from redis_state.errors import MisconfiguredError

Commands: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"  # noqa: SLF001 - it has no other name


def add_options(command: argparse.ArgumentParser) -> None:
    """Add what all commands take."""
    command.add_argument("--json", action="store_true", help="write JSON")
    command.add_argument(
        "--url", help="the server, without a password: set REDIS_STATE_PASSWORD for that"
    )
    command.add_argument("--username", help="the ACL user")
    command.add_argument("--namespace", help="what all keys begin with")


def make_backend(given: argparse.Namespace) -> RedisBackend:
    """Return the backend that the command works with."""
    names = ("url", "username", "namespace")
    options: dict[str, Any] = {
        name: getattr(given, name) for name in names if getattr(given, name) is not None
    }
    if "url" in options:
        _refuse_password(options["url"])
        # What the command line says goes before a connection that is configured.
        options["redis_conn_id"] = None
    kind = RedisWorkerBackend if given.worker else RedisStateBackend
    return kind(**options)


def _refuse_password(url: str) -> None:
    try:
        _, password = read_credentials(url)
    except ValueError as error:
        raise MisconfiguredError(f"--url is wrong: {error}.") from None
    if password is not None:
        raise MisconfiguredError(
            "--url holds a password, which every user of this machine can read in the list of "
            "processes: leave it out, and set REDIS_STATE_PASSWORD in the environment."
        )
