"""Other servers than the embedded one: that of this machine, and those of the test suite."""

from __future__ import annotations

import os
import secrets
import shutil
from collections.abc import Iterator
from pathlib import Path

from benchmarks.harness.target import Target
from redis_state.testing import EmbeddedServer

# Where `make test` puts them.
_FETCHED = Path(__file__).parents[2] / ".servers"


def open_others() -> Iterator[Target]:
    """Start one after the other, and stop each before the next one."""
    for executable in _executables():
        with EmbeddedServer(executable=executable, tcp=True) as server:
            yield Target(server.tcp_url, f"benchmark-{secrets.token_hex(6)}", is_own=True)


def _executables() -> list[Path]:
    on_path = shutil.which("redis-server")
    fetched = [path for path in sorted(_FETCHED.glob("*")) if os.access(path, os.X_OK)]
    return [*([Path(on_path)] if on_path else []), *fetched]
