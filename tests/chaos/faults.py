"""The faults of a soak: each does something to a deployment, and mends it again."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass

from redis_state.format.layout import place
from tests.chaos.load import Load
from tests.support.clusters import Cluster, Migration, slot_of
from tests.support.nodes import Node
from tests.support.ports import Ports
from tests.support.proxy import DOWN, UP, Proxy, Weather
from tests.support.replicated import SERVICE, SentinelTrio
from tests.support.waiting import wait_until

# It keeps all that it acknowledges, so nothing explains a loss.
_KEEPS_ALL = ("--appendonly", "yes", "--appendfsync", "always")
# A busy machine stops for a while, too: sooner, and failovers would follow each other.
_DOWN_AFTER = 1500


@dataclass
class Stage:
    """A running deployment with all that can happen to it."""

    url: str
    faults: dict[str, Callable[[], None]]
    nodes: Callable[[], list[Node]]
    is_well: Callable[[], object]
    # Another one after each failover.
    epoch: Callable[[], object]


def flush_scripts(nodes: list[Node]) -> None:
    for node in nodes:
        node.ask("SCRIPT", "FLUSH")


def kill_clients(nodes: list[Node]) -> None:
    for node in nodes:
        node.ask("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")


def freeze(node: Node, seconds: float) -> None:
    node.pause()
    try:
        time.sleep(seconds)
    finally:
        node.resume()


@contextmanager
def setting(node: Node, name: str, value: object, usual: object) -> Iterator[None]:
    node.ask("CONFIG", "SET", name, value)
    try:
        yield
    finally:
        node.ask("CONFIG", "SET", name, usual)


@contextmanager
def standalone(name: str, chance: random.Random, load: Callable[[], Load]) -> Iterator[Stage]:
    """Start one server that keeps all, behind a proxy."""
    with ExitStack() as stack:
        ports = Ports()
        stack.callback(ports.close)
        node = stack.enter_context(Node(name, ports.take(), *_KEEPS_ALL))
        proxy = stack.enter_context(Proxy(node.port))

        def during(block: AbstractContextManager[None], most: float = 1.0) -> None:
            with block:
                time.sleep(chance.uniform(0.1, most))

        def weather(**what: object) -> None:
            during(proxy.weather(Weather(**what)))  # type: ignore[arg-type]

        def away() -> None:
            node.kill()
            time.sleep(chance.uniform(0.0, 2.0))
            node.start()

        def refuse() -> None:
            proxy.refuse()
            proxy.cut(reset=chance.random() < 0.5)
            time.sleep(chance.uniform(0.1, 1.0))
            proxy.accept()

        def follow_nobody() -> None:
            node.ask("REPLICAOF", "127.0.0.1", 1)
            time.sleep(chance.uniform(0.1, 1.0))
            node.ask("REPLICAOF", "NO", "ONE")

        faults: dict[str, Callable[[], None]] = {
            "kill -9, start again": away,
            "kill -9, start at once": node.restart,
            "SIGSTOP": lambda: freeze(node, chance.uniform(0.1, 3.0)),
            "CLIENT KILL": lambda: kill_clients([node]),
            "SCRIPT FLUSH": lambda: flush_scripts([node]),
            "maxmemory": lambda: during(setting(node, "maxmemory", 1, 0)),
            "no replicas": lambda: during(setting(node, "min-replicas-to-write", 1, 0)),
            "READONLY": follow_nobody,
            "port refuses": refuse,
            "connections cut": lambda: _times(chance, proxy.cut),
            "connections reset": lambda: _times(chance, lambda: proxy.cut(reset=True)),
            "slow network": lambda: weather(delay=chance.uniform(0.001, 0.1)),
            "trickling network": lambda: weather(trickle=chance.randint(1, 40), pause=0.0002),
            "cut in replies": lambda: weather(cut_short=True, ways=(DOWN,)),
            "cut in commands": lambda: weather(cut_short=True, ways=(UP,)),
            "cut after some": lambda: weather(cut_after=chance.randint(1, 3000)),
            "replies swallowed": lambda: weather(swallow=True, ways=(DOWN,)),
            "commands swallowed": lambda: weather(swallow=True, ways=(UP,)),
        }
        yield Stage(proxy.url, faults, lambda: [node], lambda: node.ask("PING"), lambda: 0)


@contextmanager
def sentinel(name: str, chance: random.Random, load: Callable[[], Load]) -> Iterator[Stage]:
    """Start a master with two replicas and three Sentinels."""
    with SentinelTrio(name, replicas=2, down_after=_DOWN_AFTER) as trio:

        def kill_master() -> None:
            master = trio.master
            master.kill()
            trio.wait_for_failover(master)
            trio.rejoin(master)

        def freeze_master() -> None:
            master = trio.master
            master.pause()
            try:
                trio.wait_for_failover(master)
            finally:
                master.resume()

        def hand_over() -> None:
            master = trio.master
            trio.sentinels[0].ask("SENTINEL", "FAILOVER", SERVICE)
            trio.wait_for_failover(master)

        def kill_replica() -> None:
            replica = chance.choice(trio.replicas)
            replica.kill()
            time.sleep(chance.uniform(0.1, 1.0))
            trio.rejoin(replica)

        def kill_sentinel() -> None:
            one = chance.choice(trio.sentinels)
            one.kill()
            kill_clients([trio.master])
            time.sleep(chance.uniform(0.1, 1.0))
            one.start()

        def is_agreed() -> bool:
            named = {
                sentinel.ask("SENTINEL", "GET-MASTER-ADDR-BY-NAME", SERVICE)[1]
                for sentinel in trio.sentinels
            }
            return named == {str(n.port) for n in trio.nodes if n.ask("ROLE")[0] == "master"}

        def is_well() -> None:
            # An old master that is one still takes writes of those who are connected to it.
            wait_until(is_agreed, "there is one master")
            trio.wait_until_replicated()
            trio.wait_until_watched()

        def epoch() -> object:
            flat = trio.sentinels[0].ask("SENTINEL", "MASTER", SERVICE)
            return flat[flat.index("config-epoch") + 1]

        faults: dict[str, Callable[[], None]] = {
            "kill -9 of the master": kill_master,
            "SIGSTOP of the master": freeze_master,
            "failover on purpose": hand_over,
            "kill -9 of a replica": kill_replica,
            "kill -9 of a Sentinel": kill_sentinel,
            "short SIGSTOP": lambda: freeze(trio.master, chance.uniform(0.05, 0.3)),
            "CLIENT KILL": lambda: kill_clients([trio.master]),
            "SCRIPT FLUSH": lambda: flush_scripts([trio.master]),
        }
        yield Stage(trio.url, faults, lambda: [trio.master], is_well, epoch)


@contextmanager
def cluster(name: str, chance: random.Random, load: Callable[[], Load]) -> Iterator[Stage]:
    """Start three masters with a replica each."""
    with Cluster(name) as nodes:

        def kill_master() -> None:
            master = chance.choice(nodes.masters)
            replica = nodes.replica_of(master)
            master.kill()
            nodes.wait_for_failover(master, replica)
            master.start()

        def hand_over() -> None:
            master = chance.choice(nodes.masters)
            replica = nodes.replica_of(master)
            replica.ask("CLUSTER", "FAILOVER")
            nodes.wait_for_failover(master, replica)

        def move_slot() -> None:
            family = chance.choice(load().families)
            page = place(load().backend.settings.namespace, next(iter(family.scopes.values()))).page
            source = nodes.owner(page)
            target = chance.choice([each for each in nodes.masters if each is not source])
            migration = Migration(nodes, slot_of(page), target)
            migration.begin()
            for _ in range(chance.randint(0, 3)):
                time.sleep(chance.uniform(0.0, 0.3))
                migration.move(1)
            time.sleep(chance.uniform(0.0, 0.3))
            migration.finish()

        faults: dict[str, Callable[[], None]] = {
            "kill -9 of a master": kill_master,
            "SIGSTOP of a master": lambda: freeze(
                chance.choice(nodes.masters), chance.uniform(1.5, 4.0)
            ),
            "failover on purpose": hand_over,
            "slot migration": lambda: _times(chance, move_slot),
            "short SIGSTOP": lambda: freeze(
                chance.choice(nodes.masters), chance.uniform(0.05, 0.3)
            ),
            "CLIENT KILL": lambda: kill_clients(nodes.masters),
            "SCRIPT FLUSH": lambda: flush_scripts(nodes.masters),
        }

        def epoch() -> object:
            return sorted(node.port for node in nodes.masters)

        yield Stage(nodes.url, faults, lambda: nodes.masters, nodes.wait_until_ok, epoch)


TOPOLOGIES = {"standalone": standalone, "sentinel": sentinel, "cluster": cluster}


def _times(chance: random.Random, fault: Callable[[], object]) -> None:
    for _ in range(chance.randint(1, 5)):
        fault()
        time.sleep(chance.uniform(0.0, 0.1))
