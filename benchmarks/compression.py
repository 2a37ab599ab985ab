"""Which library compresses JSON best, at which level, and from which size on; prints two tables.

    python -m benchmarks.compression

Libraries that are not installed are left out: pip install zstandard pyzstd.
"""

from __future__ import annotations

import json
import random
import sys
import time
import zlib
from collections.abc import Callable, Iterator
from functools import partial
from importlib import import_module
from importlib.util import find_spec
from typing import Any, NamedTuple

from benchmarks.markdown import table
from redis_state.format import compression

SIZES = (256, 512, 1024, 4096, 16_384, 65_536, 262_144, 1_048_576)
LEVELS = (1, 3, 6, 9)
# The best of so many rounds, of so many seconds each: what disturbs a round only makes it longer.
_ROUNDS = 25
_SECONDS = 0.02

_IN_PYTHON = sys.version_info >= (3, 14)

Codec = Callable[[bytes], bytes]


class Contender(NamedTuple):
    """A way to compress, and to decompress no more than is allowed."""

    name: str
    compress: Codec
    decompress: Codec


def document(size: int) -> bytes:
    """Return JSON as a task would keep it: rows of ids, paths, states, numbers and times."""
    chance, rows, length = random.Random(size), [], 0
    while length < size:
        day, hour = chance.randrange(1, 29), chance.randrange(24)
        row = {
            "id": chance.randrange(10**9),
            "file": f"s3://lake/orders/2026/01/{day:02d}/part-{chance.randrange(10**5):05d}.parquet",
            "status": chance.choice(["done", "failed", "running"]),
            "rows": chance.randrange(10**6),
            "checksum": f"{chance.getrandbits(64):016x}",
            "at": f"2026-01-{day:02d}T{hour:02d}:{chance.randrange(60):02d}:00+00:00",
        }
        rows.append(row)
        length += len(json.dumps(row)) + 2
    return json.dumps(rows).encode()[:size]


def levels() -> Iterator[Contender]:
    """Give the library that is used, at some levels, and zlib to compare with."""
    zstd: Any = import_module("compression.zstd" if _IN_PYTHON else "backports.zstd")
    for level in LEVELS:
        yield Contender(f"zstd, level {level}", partial(zstd.compress, level=level), _ours)
    yield Contender("zlib, level 6", zlib.compress, zlib.decompress)


def libraries() -> Iterator[Contender]:
    """Give the libraries for zstd, all at level 1, as they are used without keeping anything."""
    yield Contender("backports.zstd", compression.compress, _ours)
    if find_spec("pyzstd"):
        pyzstd: Any = import_module("pyzstd")
        yield Contender(
            "pyzstd",
            lambda text: pyzstd.compress(text, 1),
            lambda frame: pyzstd.ZstdDecompressor().decompress(frame, SIZES[-1]),
        )
    if find_spec("zstandard"):
        zstandard: Any = import_module("zstandard")
        yield Contender(
            "zstandard",
            lambda text: zstandard.ZstdCompressor(level=1).compress(text),
            lambda frame: zstandard.ZstdDecompressor().decompress(frame),
        )
        kept, opening = zstandard.ZstdCompressor(level=1), zstandard.ZstdDecompressor()
        yield Contender("zstandard, kept by one thread", kept.compress, opening.decompress)


def measured(contenders: Iterator[Contender]) -> str:
    """Return a table of what the contenders make of documents of all sizes."""
    names, rows = [], []
    for contender in contenders:
        names.append(contender.name)
        cells = []
        for size in SIZES:
            text = document(size)
            frame = contender.compress(text)
            there, back = _time(contender.compress, text), _time(contender.decompress, frame)
            cells.append(f"{size / len(frame):.2f}x {there:.0f}/{back:.0f}")
        rows.append([contender.name, *cells])
    return table(["", *(_size(size) for size in SIZES)], rows)


def _ours(frame: bytes) -> bytes:
    return compression.decompress(frame, SIZES[-1])


def _time(codec: Codec, data: bytes) -> float:
    """Return the microseconds that one call takes."""
    best, calls = float("inf"), 1
    for _ in range(_ROUNDS):
        begun = time.perf_counter()
        for _ in range(calls):
            codec(data)
        took = time.perf_counter() - begun
        best = min(best, took / calls)
        calls = max(1, int(_SECONDS / best))
    return best * 1e6


def _size(size: int) -> str:
    return f"{size} B" if size < 1024 else f"{size // 1024} KiB"


if __name__ == "__main__":
    print("How many times smaller, and microseconds to compress / to decompress:\n")
    print(measured(levels()))
    print("\nThe libraries, at level 1:\n")
    print(measured(libraries()))
