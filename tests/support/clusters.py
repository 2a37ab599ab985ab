"""A cluster: masters with a replica each, failovers, and slots that move step by step."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from contextlib import ExitStack
from types import TracebackType
from typing import NamedTuple, Self

import redis
from redis.crc import key_slot

from redis_state.client.policy.slots import SLOTS
from tests.support.nodes import Node
from tests.support.ports import HOST, Ports
from tests.support.waiting import wait_until


class Member(NamedTuple):
    """What a node tells of one of the cluster's."""

    id: str
    port: int
    flags: frozenset[str]
    master_id: str
    slots: list[str]


class Cluster:
    """Masters that share the slots evenly, and a replica of each."""

    def __init__(
        self, name: str, *options: str, masters: int = 3, node_timeout: int = 1000
    ) -> None:
        self.name = name
        self._options = options
        self._masters = masters
        self._node_timeout = node_timeout
        self._stack = ExitStack()
        self._ports = Ports()
        self.nodes: list[Node] = []

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()

    @property
    def url(self) -> str:
        return f"redis+cluster://{','.join(node.address for node in self.nodes)}"

    @property
    def masters(self) -> list[Node]:
        """The nodes that answer and serve slots, as the first of them that is well says."""
        return [self._node(member.port) for member in self._members() if member.slots]

    def start(self) -> None:
        for _ in range(2 * self._masters):
            port = self._ports.take()
            node = Node(self.name, port, *self._cluster_options(), *self._options)
            self.nodes.append(node)
            self._stack.enter_context(node)
        masters, replicas = self.nodes[: self._masters], self.nodes[self._masters :]
        for number, master in enumerate(masters):
            first, end = (SLOTS * edge // self._masters for edge in (number, number + 1))
            master.ask("CLUSTER", "ADDSLOTS", *range(first, end))
            master.ask("CLUSTER", "SET-CONFIG-EPOCH", number + 1)
        for node in self.nodes[1:]:
            node.ask("CLUSTER", "MEET", HOST, self.nodes[0].port)
        for master, replica in zip(masters, replicas, strict=True):
            self._follow(replica, master)
        self.wait_until_ok()

    def stop(self) -> None:
        self._stack.close()
        self._ports.close()

    def owner(self, key: str | bytes | int) -> Node:
        """Return the master of a key, or of a slot."""
        slot = key if isinstance(key, int) else slot_of(key)
        (port,) = [m.port for m in self._members() if any(slot in _range(s) for s in m.slots)]
        return self._node(port)

    def replica_of(self, master: Node) -> Node:
        members = self._members()
        master_id = next(m.id for m in members if m.port == master.port)
        return self._node(next(m.port for m in members if m.master_id == master_id))

    def another(self, owner: Node) -> Node:
        """Return a master that is not this one."""
        return next(node for node in self.masters if node is not owner)

    def id_of(self, node: Node) -> str:
        return str(node.ask("CLUSTER", "MYID"))

    def wait_for_failover(self, master: Node, replica: Node) -> float:
        """Wait until a replica has taken over from its master, to all that run."""
        return wait_until(
            lambda: _is_master(replica) and replica in self.masters and master not in self.masters,
            "a failover in the cluster",
        )

    def hand_over(self, master: Node) -> None:
        """Move the role to the replica without loss; the others may have to be asked again."""
        replica = self.replica_of(master)
        for _ in range(5):
            with contextlib.suppress(redis.ResponseError):
                replica.ask("CLUSTER", "FAILOVER")
            with contextlib.suppress(AssertionError):
                wait_until(lambda: _is_master(replica), "a failover", patience=6.0)
                self.wait_for_failover(master, replica)
                return
        raise AssertionError(f"the role was not moved:\n{replica.log()}")

    def wait_until_ok(self) -> float:
        """Wait until all nodes run, agree on everything, and each replica follows its master."""
        return wait_until(self._is_ok, "the cluster is well")

    def _cluster_options(self) -> list[str]:
        options = {
            "cluster-enabled": "yes",
            "cluster-config-file": "nodes.conf",
            "cluster-node-timeout": str(self._node_timeout),
            "cluster-replica-validity-factor": "0",
            "repl-diskless-sync-delay": "0",
        }
        return [part for name, value in options.items() for part in (f"--{name}", value)]

    def _follow(self, replica: Node, master: Node) -> None:
        own = self.id_of(master)
        wait_until(lambda: own in str(replica.ask("CLUSTER", "NODES")), "the nodes have met")
        wait_until(lambda: replica.ask("CLUSTER", "REPLICATE", own) == "OK", "a replica follows")

    def _is_ok(self) -> bool:
        views = [sorted(_members(node)) for node in self.nodes]
        return (
            len(views[0]) == len(self.nodes)
            and all(view == views[0] for view in views)
            and not any(_UNWELL & member.flags for member in views[0])
            and all("cluster_state:ok" in node.ask("CLUSTER", "INFO") for node in self.nodes)
            and all(_follows(node) for node in self.nodes)
        )

    def _members(self) -> list[Member]:
        for node in self.nodes:
            # One may be stopped, and does not answer.
            with contextlib.suppress(OSError, redis.RedisError):
                if node.runs and "cluster_state:ok" in node.ask("CLUSTER", "INFO"):
                    return [m for m in _members(node) if not _UNWELL & m.flags]
        raise ConnectionError("no node of the cluster is well")

    def _node(self, port: int) -> Node:
        return next(node for node in self.nodes if node.port == port)


class Migration:
    """Moves a slot from its master to another one; each step is a call of its own."""

    def __init__(self, cluster: Cluster, slot: int, target: Node) -> None:
        self.cluster, self.slot, self.target = cluster, slot, target
        self.source = cluster.owner(slot)

    def begin(self) -> None:
        ids = [self.cluster.id_of(node) for node in (self.source, self.target)]
        self.target.ask("CLUSTER", "SETSLOT", self.slot, "IMPORTING", ids[0])
        self.source.ask("CLUSTER", "SETSLOT", self.slot, "MIGRATING", ids[1])

    def move(self, count: int) -> int:
        """Move so many keys, and return how many there were."""
        keys = self.source.ask("CLUSTER", "GETKEYSINSLOT", self.slot, count)
        if keys:
            where = (HOST, self.target.port, "", 0, 5000)
            self.source.ask("MIGRATE", *where, "KEYS", *keys)
        return len(keys)

    def finish(self) -> None:
        """Move the rest, and tell everybody whose the slot is now."""
        while self.move(100):
            pass
        owner = self.cluster.id_of(self.target)
        # The new owner first: else a moment would come in which nobody had the slot.
        others = [n for n in self.cluster.masters if n not in (self.target, self.source)]
        for node in (self.target, self.source, *others):
            node.ask("CLUSTER", "SETSLOT", self.slot, "NODE", owner)


def slot_of(key: str | bytes) -> int:
    return key_slot(key.encode() if isinstance(key, str) else key)


_UNWELL = {"fail", "fail?", "handshake", "noaddr"}


def _members(node: Node) -> list[Member]:
    return list(_read(str(node.ask("CLUSTER", "NODES"))))


def _read(told: str) -> Iterator[Member]:
    for line in told.splitlines():
        own_id, address, flags, master_id, _, _, _, _, *slots = line.split()
        port = int(address.partition("@")[0].rpartition(":")[2])
        # Who is asked, and a slot's way to elsewhere, differ from view to view.
        known = frozenset(flags.split(",")) - {"myself"}
        yield Member(own_id, port, known, master_id, [s for s in slots if not s.startswith("[")])


def _range(slots: str) -> range:
    first, _, last = slots.partition("-")
    return range(int(first), int(last or first) + 1)


def _is_master(node: Node) -> bool:
    return bool(node.ask("ROLE")[0] == "master")


def _follows(node: Node) -> bool:
    told = node.info("replication")
    return told["role"] == "master" or told["master_link_status"] == "up"
