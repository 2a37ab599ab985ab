"""Sentinel trios and clusters as further servers of the suite: its lanes "valkey91-cluster" etc.

REDIS_STATE_TEST_TOPOLOGIES says how much of the suite runs on them: "some" of it, which is the
default, "all" or "none".
"""

from __future__ import annotations

import os
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

HOW_MUCH = os.environ.get("REDIS_STATE_TEST_TOPOLOGIES", "some")
# Nobody is to fail here: a busy machine must not look like a dead server.
_PATIENT = 15_000
_KINDS: dict[str, Callable[[str], Cluster | SentinelTrio]] = {
    "cluster": lambda name: Cluster(name, node_timeout=_PATIENT),
    "sentinel": lambda name: SentinelTrio(name, down_after=_PATIENT),
}
Deployment: TypeAlias = EmbeddedServer | Cluster | SentinelTrio


def lanes() -> tuple[str, ...]:
    """Name the deployments to test on: of Valkey, and of Redis where there is one."""
    if HOW_MUCH not in ("some", "all", "none"):
        raise ValueError(f"REDIS_STATE_TEST_TOPOLOGIES is some, all or none, not {HOW_MUCH!r}")
    if HOW_MUCH == "none":
        return ()
    names = ["valkey91"]
    if HOW_MUCH == "all":
        # The oldest as well: its scripts touch two keys where others send a command for each.
        names += [name for name in (servers.HASH_FORM, "path" if servers.ON_PATH else None) if name]
    return tuple(f"{name}-{kind}" for name in names for kind in _KINDS)


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
