"""The command ``redis-state``: looks after the state of a deployment."""

from __future__ import annotations

from redis_state.cli.running import main

__all__ = ["main"]
