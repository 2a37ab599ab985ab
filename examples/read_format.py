"""Read state without redis-state: with redis-py, and cryptography for encrypted values."""

from __future__ import annotations

import struct
import time
from typing import Any
from urllib.parse import quote
from uuid import UUID

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

PLAIN = " !\"#$&'()*+,-.:;<=>?@[\\]^_`|~"
HEADER = 19
ENCRYPTED = 0x02


def escape(name: str) -> str:
    return quote(name, safe=PLAIN, errors="surrogatepass")


def task_place(
    namespace: str, names: tuple[str, str, str], map_index: int = -1, region: UUID | None = None
) -> tuple[str, str]:
    """Return the page of a task instance, and what its fields begin with."""
    tag = "/".join(escape(name) for name in names)
    part = f"{region.hex}:" if region and region.int else ""
    number, prefix = (map_index % 128, f"{map_index}:") if map_index >= 0 else (-1, "")
    return f"{namespace}:t:{{{tag}}}:{part}{number}", prefix


def asset_place(namespace: str, kind: str, name: str) -> tuple[str, str]:
    """Return the same for an asset; the kind is id, name or uri."""
    return f"{namespace}:a:{{{kind}:{escape(name)}}}", ""


def read(client: Any, place: tuple[str, str], key: str, master: bytes = b"") -> str | None:
    """Return the live text of a state key, or None; the master key opens what is encrypted."""
    page, prefix = place
    name = key if prefix or not key.startswith("\0") else "\0" + key
    field = f"{prefix}{name}".encode("utf-8", "surrogatepass")
    raw = client.hget(page, field)
    if raw is None:
        return None
    if len(raw) < HEADER or raw[0] not in (0xB0, 0xB0 | ENCRYPTED):
        raise ValueError(f"{page} {key!r} holds no envelope that can be read here.")
    (expires_at,) = struct.unpack_from(">Q", raw, 7)
    if expires_at and time.time_ns() // 1000 >= expires_at:
        return None
    text = decrypt(master, page, f"{prefix}{key}", raw) if raw[0] & ENCRYPTED else raw[HEADER:]
    return bytes(text).decode("utf-8", "surrogatepass")


def decrypt(master: bytes, page: str, field: str, raw: bytes) -> bytes:
    """Return what an encrypted envelope holds."""
    info = b"redis-state page " + page.encode()
    key = HKDF(algorithm=SHA256(), length=32, salt=None, info=info).derive(master)
    place = len(page).to_bytes(4, "big") + page.encode() + field.encode("utf-8", "surrogatepass")
    return AESGCM(key).decrypt(raw[23:35], raw[35:], raw[:7] + raw[15:19] + place)
