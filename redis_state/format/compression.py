"""Compression with zstd; docs/compression.md has the measurements that chose library and level.

A value is one frame that declares its size, so that nothing is decompressed that is too large:
whatever does not keep to it, or to what it declared, is refused.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING or sys.version_info < (3, 14):
    from backports import zstd
else:  # the same module, as Python itself has it
    from compression import zstd

# From 16 KiB on, higher levels take longer and save no more.
_LEVEL = 1
_MAGIC = b"\x28\xb5\x2f\xfd"


class BombError(ValueError):
    """A frame that would be larger than allowed, or that does not say how large."""


def compress(text: bytes) -> bytes:
    """Return a text as one frame."""
    frame: bytes = zstd.compress(text, _LEVEL)
    return frame


def decompress(frame: bytes, limit: int) -> bytes:
    """Return the text of a frame, of ``limit`` bytes at the most; a `ValueError` says why not."""
    try:
        if not frame.startswith(_MAGIC):
            raise BombError("is no frame of zstd")
        declared = zstd.get_frame_info(frame).decompressed_size
        if declared is None:
            raise BombError("does not say how large it is")
        if declared > limit:
            raise BombError(f"has {declared} bytes, more than the limit of {limit}")
        decompressor = zstd.ZstdDecompressor()
        text: bytes = decompressor.decompress(frame, declared + 1)
    except zstd.ZstdError as error:
        raise ValueError("is damaged") from error
    if not decompressor.eof or decompressor.unused_data or len(text) != declared:
        raise ValueError("is damaged")
    return text
