"""A master with replicas, and three Sentinels that watch them."""

from __future__ import annotations

import contextlib
import secrets
from collections.abc import Iterator
from contextlib import ExitStack
from types import TracebackType
from typing import Self

from tests.support.nodes import Node, Sentinel
from tests.support.ports import HOST, Ports
from tests.support.waiting import wait_until

SERVICE = "state"
# A Sentinel that has just followed a failover connects anew within a second: with less than that,
# it takes the new master for dead.
DOWN_AFTER = 1500
_QUORUM = 2
_WRONG_PASSWORD = "keeps-a-replica-out"


class Replicated:
    """A master and its replicas; nobody but the tests moves the role."""

    def __init__(self, name: str, *options: str, replicas: int = 1) -> None:
        self.name = name
        self._options = ("--repl-diskless-sync-delay", "0", *options)
        self._replicas = replicas
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
        return f"redis://{self.master.address}/0"

    @property
    def master(self) -> Node:
        """The node that is a master, after a failover the one that was made one."""
        masters = [node for node in self.nodes if node.runs and _is_master(node)]
        assert len(masters) == 1, f"{len(masters)} masters"
        return masters[0]

    @property
    def replicas(self) -> list[Node]:
        return [node for node in self.nodes if node.runs and not _is_master(node)]

    def start(self) -> None:
        ports = [self._ports.take() for _ in range(1 + self._replicas)]
        follow = ("--replicaof", HOST, str(ports[0]))
        for port in ports:
            is_master = port == ports[0]
            node = Node(self.name, port, *self._options, *(() if is_master else follow))
            self.nodes.append(node)
            self._stack.enter_context(node)
        self.wait_until_replicated()

    def stop(self) -> None:
        self._stack.close()
        self._ports.close()

    def wait_until_replicated(self) -> None:
        """Wait until all the replicas that run have caught up, and follow the master."""
        master, wanted = self.master, sum(node.runs for node in self.nodes) - 1
        wait_until(lambda: _followers(master) == wanted, "the replicas follow")

    def rejoin(self, node: Node) -> None:
        """Bring a node back that was killed, as a replica of the one that is master now."""
        node._options = self._options
        node.restart("--replicaof", HOST, str(self.master.port))
        self.wait_until_replicated()

    def break_replication(self) -> None:
        """Cut the replicas off and keep them out, so that they fall behind."""
        for replica in self.replicas:
            replica.ask("CONFIG", "SET", "masterauth", _WRONG_PASSWORD)
        self.master.ask("CLIENT", "KILL", "TYPE", "replica")

    def mend_replication(self) -> None:
        """Let the replicas in again, as far as there is a master to follow."""
        for node in self.nodes:
            if node.runs:
                node.ask("CONFIG", "SET", "masterauth", "")


class SentinelTrio(Replicated):
    """The same under three Sentinels, which know each other from the start."""

    def __init__(
        self, name: str, *options: str, replicas: int = 1, down_after: int = DOWN_AFTER
    ) -> None:
        super().__init__(name, *options, replicas=replicas)
        self._down_after = down_after
        self.sentinels: list[Sentinel] = []

    @property
    def url(self) -> str:
        where = ",".join(sentinel.address for sentinel in self.sentinels)
        return f"redis+sentinel://{where}/{SERVICE}/0"

    @property
    def master(self) -> Node:
        return self._node(self._named()) if self.sentinels else super().master

    @property
    def replicas(self) -> list[Node]:
        master = self.master
        return [node for node in self.nodes if node.runs and node is not master]

    def start(self) -> None:
        super().start()
        master = self.nodes[0]
        ids = {self._ports.take(): secrets.token_hex(20) for _ in range(3)}
        for port, own in ids.items():
            others = [
                f"sentinel known-sentinel {SERVICE} {HOST} {other} {run_id}"
                for other, run_id in ids.items()
                if other != port
            ]
            sentinel = Sentinel(
                self.name,
                port,
                f"sentinel myid {own}",
                f"sentinel monitor {SERVICE} {HOST} {master.port} {_QUORUM}",
                f"sentinel down-after-milliseconds {SERVICE} {self._down_after}",
                f"sentinel failover-timeout {SERVICE} 3000",
                f"sentinel parallel-syncs {SERVICE} 2",
                *others,
            )
            self.sentinels.append(sentinel)
            self._stack.enter_context(sentinel)
        self.wait_until_watched()

    def wait_until_watched(self) -> None:
        """Wait until each Sentinel knows the others, and that the replicas are well."""
        wanted = (str(len(self.nodes) - 1), "2", "master")
        for sentinel in self.sentinels:
            wait_until(lambda s=sentinel: _known(s) == wanted, f"{sentinel} knows all")  # type: ignore[misc]

    def wait_until_united(self) -> None:
        """Wait until the Sentinels have found each other well, so that they can vote at once."""
        for sentinel in self.sentinels:
            wait_until(lambda s=sentinel: _is_united(s), "the Sentinels are united")  # type: ignore[misc]

    def wait_for_failover(self, before: Node) -> float:
        """Wait until another node is the master, to the Sentinels and to itself."""
        return wait_until(
            lambda: self.master is not before and _is_master(self.master), "a failover"
        )

    def hand_over(self) -> None:
        """Move the role without loss, which Valkey 9 can; the Sentinels may have to try again."""
        before, first = self.master, self.sentinels[0]
        for _ in range(5):
            self.wait_until_united()
            first.ask("SENTINEL", "FAILOVER", SERVICE, "COORDINATED")
            with contextlib.suppress(AssertionError):
                wait_until(lambda: self.master is not before, "a failover", patience=8.0)
                return
        raise AssertionError(f"the role was not moved:\n{first.log()}")

    def _named(self) -> int:
        """Return the port of the master that most Sentinels name."""
        running = [sentinel for sentinel in self.sentinels if sentinel.runs]
        said = [
            int(sentinel.ask("SENTINEL", "GET-MASTER-ADDR-BY-NAME", SERVICE)[1])
            for sentinel in running
        ]
        return max(said, key=said.count)

    def _node(self, port: int) -> Node:
        return next(node for node in self.nodes if node.port == port)


def _is_master(node: Node) -> bool:
    return bool(node.ask("ROLE")[0] == "master")


def _followers(master: Node) -> int:
    return sum("state=online" in told for told in master.info("replication").values())


def _is_united(sentinel: Sentinel) -> bool:
    others = sentinel.ask("SENTINEL", "SENTINELS", SERVICE)
    flags = {flag for o in others for flag in dict(_pairs(o))["flags"].split(",")}
    return not flags & {"s_down", "disconnected"}


def _known(sentinel: Sentinel) -> tuple[str, str, str]:
    flat = sentinel.ask("SENTINEL", "MASTER", SERVICE)
    master = dict(_pairs(flat))
    known = sentinel.ask("SENTINEL", "REPLICAS", SERVICE)
    well = sum(dict(_pairs(r))["flags"] == "slave" for r in known)
    return str(well), master["num-other-sentinels"], master["flags"]


def _pairs(flat: list[str]) -> Iterator[tuple[str, str]]:
    return zip(flat[::2], flat[1::2], strict=True)
