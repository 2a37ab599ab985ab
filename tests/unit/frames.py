"""Frames of zstd made by hand, as no compressor would make them (RFC 8878)."""

from __future__ import annotations

_RAW, _RLE = 0, 1


def raw_block(content: bytes) -> bytes:
    return _block(_RAW, len(content), content)


def rle_block(byte: bytes, count: int) -> bytes:
    return _block(_RLE, count, byte)


def frame(block: bytes, *, size: int | None, dictionary: int | None = None) -> bytes:
    """Return a frame of one block, that declares a size, or none with a window of 128 KiB."""
    descriptor = 0 if size is None else 0xE0
    if dictionary is not None:
        descriptor |= 1
    header = bytes([descriptor])
    if size is None:
        header += bytes([7 << 3])
    if dictionary is not None:
        header += bytes([dictionary])
    if size is not None:
        header += size.to_bytes(8, "little")
    return b"\x28\xb5\x2f\xfd" + header + block


def skippable(content: bytes) -> bytes:
    return b"\x50\x2a\x4d\x18" + len(content).to_bytes(4, "little") + content


def _block(kind: int, size: int, content: bytes) -> bytes:
    return (size << 3 | kind << 1 | 1).to_bytes(3, "little") + content
