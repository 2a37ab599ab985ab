"""Where an operator's work is done: a deployment, its codec, and a client on the running loop."""

from __future__ import annotations

from dataclasses import dataclass

from redis_state.client._async.client import AsyncClient
from redis_state.config.settings import Settings
from redis_state.format.codec import Codec


@dataclass(frozen=True)
class Store:
    """A deployment, as tools use it."""

    settings: Settings
    codec: Codec
    client: AsyncClient

    @property
    def namespace(self) -> str:
        """What all Redis keys begin with."""
        return self.settings.namespace
