"""The server that is measured."""

from __future__ import annotations

import contextlib
import secrets
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import redis

import redis_state
from redis_state.testing import EmbeddedServer

_KEYS_PER_SCAN = 1_000


@dataclass(frozen=True)
class Target:
    """A server, and the namespace in which alone the benchmark writes."""

    url: str = field(repr=False)
    namespace: str
    is_own: bool

    def connect(self) -> redis.Redis:
        """Open redis-py's ordinary client on the server."""
        return redis.Redis.from_url(self.url, protocol=2)

    def backend(self, **options: Any) -> redis_state.RedisStateBackend:
        """Open our backend on the server; all other options have their defaults."""
        return redis_state.RedisStateBackend(url=self.url, namespace=self.namespace, **options)

    def empty(self) -> None:
        """Remove what the benchmark wrote, and return when its memory is free again."""
        with self.connect() as client:
            if self.is_own:
                client.execute_command("FLUSHALL", "SYNC")
                return
            pattern = f"{self.namespace}:*"
            found: list[Any] = []
            for key in client.scan_iter(match=pattern, count=_KEYS_PER_SCAN):
                found.append(key)
                if len(found) == _KEYS_PER_SCAN:
                    client.unlink(*found)
                    found.clear()
            if found:
                client.unlink(*found)
            settle(client)


@contextlib.contextmanager
def open_target(url: str | None) -> Iterator[Target]:
    """Start an embedded server, or borrow the one at ``url`` and leave it as it was."""
    namespace = f"benchmark-{secrets.token_hex(6)}"
    if url is None:
        with EmbeddedServer(tcp=True) as server:
            yield Target(server.tcp_url, namespace, is_own=True)
        return
    target = Target(url, namespace, is_own=False)
    try:
        yield target
    finally:
        target.empty()


def settle(client: redis.Redis) -> None:
    """Return when the server has freed in the background what was unlinked."""
    while int(information(client, "memory").get("lazyfree_pending_objects", 0)):
        time.sleep(0.01)


def information(client: redis.Redis, section: str) -> dict[str, Any]:
    """Return one section of INFO."""
    found: Any = client.info(section)
    return dict(found)


def has_hsetex(client: redis.Redis) -> bool:
    """Tell whether the server expires a field in the command that writes it."""
    # redis-py cannot read what COMMAND INFO says of a command that the server lacks.
    commands: Any = client.command()
    return "hsetex" in {name.lower() for name in commands}


def name_of(client: redis.Redis) -> str:
    """Return what the server is, and its version."""
    server = information(client, "server")
    # Valkey's `redis_version` is a number of compatibility only.
    name = str(server.get("server_name", "redis"))
    return f"{name.capitalize()} {server.get(f'{name}_version', server['redis_version'])}"
