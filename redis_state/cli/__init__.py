"""The command ``redis-state``: looks after the servers of a deployment."""

from __future__ import annotations

from redis_state.cli.command import main

__all__ = ["main"]
