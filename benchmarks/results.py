"""All that one run has measured."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from benchmarks import concurrency, memory, stall, verbs
from benchmarks.contenders import BY_HAND, OURS, ByHand, Store
from benchmarks.effort import Effort
from benchmarks.rounds import Comparison
from benchmarks.target import Target, facts, has_hsetex


@dataclass(frozen=True)
class Results:
    """The figures, and the facts that they depend on; all times are in seconds."""

    facts: dict[str, str]
    verbs: list[Comparison]
    threads: list[Comparison]
    tasks: list[Comparison]
    clears: list[stall.ClearComparison]
    memory: list[memory.Footprint]


def measure(target: Target, effort: Effort) -> Results:
    """Measure everything, one part after the other."""
    with target.connect() as client:
        backend = target.backend()
        hsetex = has_hsetex(client)
        by_hand = ByHand(client, target.namespace, hsetex=hsetex)
        stores: dict[str, Store] = {OURS: backend, BY_HAND: by_hand}
        expiry_by_hand = "HSETEX" if hsetex else "HSET + PEXPIREAT"
        found = facts(client, backend)
        single = verbs.measure(stores, effort, expiry_by_hand)
        threads = concurrency.measure_threads(stores, effort)
        backend.close()
    tasks = asyncio.run(concurrency.measure_tasks(target, effort, hsetex=hsetex))
    # The connections of all those threads and tasks are gone before memory is looked at.
    with target.connect() as client:
        clears = stall.measure(target, client, effort)
        footprints = memory.measure(target, client, effort)
    return Results(found, single, threads, tasks, clears, footprints)
