"""Opens the contenders that are wanted."""

from __future__ import annotations

import contextlib
from collections.abc import Collection, Iterator, Mapping

from benchmarks.bare_socket import BareSocket
from benchmarks.contenders import DICT, NAIVE, OURS, OURS_POOLED, REDIS_PY, WIRE, Store
from benchmarks.harness.target import Target, has_hsetex
from benchmarks.in_memory import InMemory
from benchmarks.naive import Naive
from benchmarks.redis_contenders import RedisPy


@contextlib.contextmanager
def open_stores(
    target: Target, wanted: Collection[str], elsewhere: Mapping[str, Store] | None = None
) -> Iterator[dict[str, Store]]:
    """Open those of the wanted contenders that are to be had here, in the order of the names."""
    with _open_redis_stores(target) as stores:
        found = stores | {DICT: InMemory()} | dict(elsewhere or {})
        yield {name: found[name] for name in wanted if name in found}


@contextlib.contextmanager
def _open_redis_stores(target: Target) -> Iterator[dict[str, Store]]:
    ours, pooled = target.backend(), target.backend(fast_lane=False)
    with target.connect() as client, target.connect() as bare:
        hsetex = has_hsetex(client)
        by_hand = RedisPy(client, target.namespace, hsetex=hsetex)
        wire = BareSocket(bare, target.namespace, hsetex=hsetex)
        naive = Naive(client, target.namespace)
        yield {OURS: ours, OURS_POOLED: pooled, REDIS_PY: by_hand, WIRE: wire, NAIVE: naive}
        wire.close()
    ours.close()
    pooled.close()
