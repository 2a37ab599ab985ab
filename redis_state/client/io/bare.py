"""An ordinary redis-py client for one server, to measure against."""

from __future__ import annotations

from typing import Any

import redis
from redis.connection import (
    BlockingConnectionPool,
    Connection,
    SSLConnection,
    UnixDomainSocketConnection,
)

from redis_state.client.io.options import connection_options
from redis_state.config.settings import Settings
from redis_state.config.url import Server


def bare_client(settings: Settings, server: Server, connections: int) -> redis.Redis:
    """Return redis-py's own client, with the same credentials and the same TLS."""
    kind: Any = Connection
    if server.path is not None:
        kind = UnixDomainSocketConnection
    elif settings.deployment.tls is not None:
        kind = SSLConnection
    options = connection_options(settings, server)
    seconds = {"socket_timeout": settings.timeout, "socket_connect_timeout": settings.timeout}
    pool = BlockingConnectionPool(  # type: ignore[no-untyped-call]  # redis-py is typed in part
        connections, timeout=settings.timeout, connection_class=kind, **options, **seconds
    )
    return redis.Redis(connection_pool=pool)
