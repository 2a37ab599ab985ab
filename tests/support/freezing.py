"""A server that stands still for certain: a signal alone takes its time on a busy machine."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

from redis_state.testing import EmbeddedServer


def freeze(server: EmbeddedServer) -> None:
    """Freeze a server, and return when it is so."""
    server.pause()
    os.waitpid(server.pid, os.WUNTRACED)


@contextmanager
def frozen(server: EmbeddedServer) -> Iterator[None]:
    """Freeze a server until the end of the block."""
    freeze(server)
    try:
        yield
    finally:
        server.resume()
