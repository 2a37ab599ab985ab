"""Opens the contenders that are wanted."""

from __future__ import annotations

import contextlib
from collections.abc import Collection, Iterator, Mapping

from benchmarks.contenders import DICT, NAIVE, OURS, OURS_POOLED, REDIS_PY, WIRE, Store
from benchmarks.contenders.bare_socket import BareSocket
from benchmarks.contenders.in_memory import InMemory
from benchmarks.contenders.naive import Naive
from benchmarks.contenders.redis_py import RedisPy
from benchmarks.harness.target import Target, has_hsetex


@contextlib.contextmanager
def open_stores(
    target: Target, wanted: Collection[str], airflow_stores: Mapping[str, Store] | None = None
) -> Iterator[dict[str, Store]]:
    """Open those of the wanted contenders that are to be had here, in the order of the names."""
    with _open_redis_stores(target) as stores:
        found = stores | {DICT: InMemory()} | dict(airflow_stores or {})
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
