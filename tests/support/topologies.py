"""Sentinel trios and clusters as further servers of the suite, "valkey91-cluster" etc."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from typing import Any, TypeAlias

import redis
from redis.cluster import RedisCluster

from redis_state.testing import EmbeddedServer
from tests.support import servers
from tests.support.clusters import Cluster
from tests.support.ports import HOST
from tests.support.replicated import SentinelTrio

# Nobody is to fail here: a busy machine must not look like a dead server.
_PATIENT = 15_000
_KINDS: dict[str, Callable[[str], Cluster | SentinelTrio]] = {
    "cluster": lambda name: Cluster(name, node_timeout=_PATIENT),
    "sentinel": lambda name: SentinelTrio(name, down_after=_PATIENT),
}
Deployment: TypeAlias = EmbeddedServer | Cluster | SentinelTrio


class Deployments:
    """Hands out running servers and deployments by name, and stops them all at the end."""

    def __init__(self) -> None:
        self._stack = ExitStack()
        self._servers = servers.Servers()
        self._running: dict[str, Cluster | SentinelTrio] = {}

    def __getitem__(self, name: str) -> Any:
        server, _, kind = name.partition("-")
        if not kind:
            return self._servers[name]
        if name not in self._running:
            deployment = self._running[name] = _KINDS[kind](server)
            self._stack.push(deployment)
            deployment.start()
        return self._running[name]

    def stop(self) -> None:
        self._stack.close()
        self._servers.stop()


def raw_client(deployment: Any) -> Any:
    """Return an ordinary client, to look at what lies in all masters."""
    if isinstance(deployment, Cluster):
        return RedisCluster(host=HOST, port=deployment.nodes[0].port, protocol=2)
    if isinstance(deployment, SentinelTrio):
        return redis.Redis(host=HOST, port=deployment.master.port, protocol=2)
    return servers.raw_client(deployment)
