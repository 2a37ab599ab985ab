"""Failovers by the dozen: what was acknowledged and is gone, by the durability that was asked for.

Every second master dies when its replica has been cut off for a moment, because otherwise a replica
is so close behind on one machine that the default loses next to nothing either.
"""

from __future__ import annotations

import statistics
import threading
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field
from typing import Any, Self

import pytest

from redis_state import RedisStateBackend, StateStoreError, TaskScope
from tests.faults.load import PATIENT, Load
from tests.matrix import FAILOVERS
from tests.support.nodes import Node
from tests.support.replicated import SERVICE, SentinelTrio
from tests.support.waiting import wait_until

WRITERS = 8
UNDER_LOAD = 0.3
CUT_OFF = 0.3
PAUSE = 0.002
SCOPES = [TaskScope("failovers", "run", "task", number) for number in range(WRITERS)]


@dataclass
class Writing:
    """Writes a key of its own each time, from many threads, until it is told to stop."""

    backend: RedisStateBackend
    acknowledged: list[set[str]] = field(default_factory=lambda: [set() for _ in SCOPES])
    errors: Counter[str] = field(default_factory=Counter)
    answers: list[tuple[float, float]] = field(default_factory=list)

    def __enter__(self) -> Self:
        self._stop = threading.Event()
        self._threads = ThreadPoolExecutor(WRITERS)
        self._running = [self._threads.submit(self._write, at) for at in range(WRITERS)]
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for worker in self._running:
            worker.result()
        self._threads.shutdown()

    @property
    def count(self) -> int:
        return sum(map(len, self.acknowledged))

    def recovered(self, since: float) -> float | None:
        """Return when the first call was acknowledged that was made since then."""
        return min((ended for begun, ended in self.answers if begun > since), default=None)

    def _write(self, at: int) -> None:
        number = 0
        while not self._stop.is_set():
            key, begun, number = str(number), time.monotonic(), number + 1
            try:
                self.backend.set(SCOPES[at], key, key)
            except StateStoreError as error:
                self.errors[type(error).__name__] += 1
            else:
                self.acknowledged[at].add(key)
                self.answers.append((begun, time.monotonic()))
            time.sleep(PAUSE)

    def lost(self, url: str) -> int:
        """Count what was acknowledged and is not there, and clear the rest."""
        missing = 0
        with closing(RedisStateBackend(url=url, **PATIENT)) as backend:
            for at, scope in enumerate(SCOPES):
                found = backend.get_many(scope, self.acknowledged[at])
                assert all(key == value for key, value in found.items())
                missing += len(self.acknowledged[at] - found.keys())
            backend.clear(SCOPES[0], all_map_indices=True)
        return missing


@dataclass
class Tally:
    failovers: int = 0
    acknowledged: int = 0
    lost_in_sync: int = 0
    lost_behind: int = 0
    errors: Counter[str] = field(default_factory=Counter)
    server_s: list[float] = field(default_factory=list)
    sentinels_s: list[float] = field(default_factory=list)
    client_s: list[float] = field(default_factory=list)

    def summary(self) -> dict[str, Any]:
        operations = self.acknowledged + sum(self.errors.values())
        return {
            "failovers": self.failovers,
            "operations": operations,
            "acknowledged": self.acknowledged,
            "errors": dict(self.errors),
            "lost": self.lost_in_sync + self.lost_behind,
            "lost_with_the_replica_in_sync": self.lost_in_sync,
            "lost_with_the_replica_cut_off": self.lost_behind,
            "server_failover_s": spread(self.server_s),
            "named_by_the_sentinels_s": spread(self.sentinels_s),
            "client_recovery_s": spread(self.client_s),
        }


@pytest.mark.timeout(3600)
@pytest.mark.parametrize("durability", ["memory", "replicas:1"])
def test_replicas_1_loses_no_acknowledged_write_where_memory_does(
    name: str, durability: str, report: Callable[..., None]
) -> None:
    tally = Tally()
    # A busy machine must not look like a dead master.
    with SentinelTrio(name, replicas=1, down_after=2000) as trio:
        options = {"url": trio.url, "durability": durability, "durability_timeout": 0.5}
        for number in range(FAILOVERS):
            with closing(RedisStateBackend(**options)) as backend:
                fail_over(trio, Writing(backend), tally, is_behind=number % 2 == 1)
    report(server=name, durability=durability, **tally.summary())
    assert tally.failovers == FAILOVERS
    assert tally.acknowledged > FAILOVERS * WRITERS
    if durability == "replicas:1":
        assert tally.lost_in_sync + tally.lost_behind == 0
    else:
        assert tally.lost_behind > 0


def test_a_failover_that_is_forced_loses_what_the_old_master_takes_until_it_is_told(
    name: str, mode: str, report: Callable[..., None]
) -> None:
    with SentinelTrio(name, replicas=2) as trio, Load(trio.url, mode) as load:
        trio.wait_until_united()
        master, begun = trio.master, time.monotonic()
        trio.sentinels[0].ask("SENTINEL", "FAILOVER", SERVICE)
        trio.wait_for_failover(master)
        wait_until(lambda: master.ask("ROLE")[0] == "slave", "the old master was told")
        load.history.failovers.append((begun, time.monotonic()))
        load.wait_for_all_keys()
    began, ended = load.history.failovers[0]
    lost = load.check().lost
    report(server=name, **load.figures(), lost=len(lost), told_after_s=round(ended - began, 2))


def fail_over(trio: SentinelTrio, writing: Writing, tally: Tally, *, is_behind: bool) -> None:
    """Kill the master under load, bring it back as a replica, and count what is gone."""
    trio.wait_until_united()
    master, (replica,) = trio.master, trio.replicas
    with writing:
        time.sleep(UNDER_LOAD)
        if is_behind:
            trio.break_replication()
            time.sleep(CUT_OFF)
        master.kill()
        begun = time.monotonic()
        if is_behind:
            trio.mend_replication()
        tally.server_s.append(promoted(replica) - begun)
        trio.wait_for_failover(master)
        tally.sentinels_s.append(time.monotonic() - begun)
        # With `replicas:1` nothing is acknowledged before there is a replica again.
        back = threading.Thread(target=trio.rejoin, args=(master,))
        back.start()
        wait_until(lambda: writing.recovered(begun), "writes are acknowledged again")
        tally.client_s.append((writing.recovered(begun) or 0.0) - begun)
        back.join()
        trio.wait_until_watched()
    lost = writing.lost(trio.url)
    tally.failovers += 1
    tally.acknowledged += writing.count
    tally.errors += writing.errors
    if is_behind:
        tally.lost_behind += lost
    else:
        tally.lost_in_sync += lost


def promoted(replica: Node) -> float:
    wait_until(lambda: replica.ask("ROLE")[0] == "master", "the replica was promoted")
    return time.monotonic()


def spread(seconds: list[float]) -> dict[str, float]:
    known = sorted(seconds)
    middle = statistics.median(known)
    return {"min": round(known[0], 2), "median": round(middle, 2), "max": round(known[-1], 2)}
