"""The keys that encrypt values, and what is derived from them.

A master key encrypts nothing itself. HKDF-SHA256 derives from it a key of AES-256-GCM for each
page, so that the bound on random nonces, 2^32 values, holds for a page and not for all of Redis;
and an id that tells it from the others.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from redis_state.errors import MisconfiguredError

ID_SIZE = 4
_SECRET_SIZE = 32
# The pages that were lately used: to derive a key takes longer than to use it.
_MOST_PAGES = 1024


class MasterKey:
    """One key, of which nothing is ever shown but its id."""

    __slots__ = ("_pages", "_secret", "id")

    def __init__(self, secret: bytes) -> None:
        self._secret = secret
        self._pages: dict[str, AESGCM] = {}
        self.id = _derive(secret, b"redis-state key id", ID_SIZE)

    def __repr__(self) -> str:
        return f"MasterKey({self.id.hex()})"

    def of_page(self, page: str) -> AESGCM:
        """Return the cipher of the values of a page."""
        cipher = self._pages.get(page)
        if cipher is None:
            if len(self._pages) >= _MOST_PAGES:
                self._pages.clear()
            cipher = AESGCM(_derive(self._secret, b"redis-state page " + page.encode(), 32))
            self._pages[page] = cipher
        return cipher


class Keyring:
    """The master keys in force: the first one encrypts, all of them decrypt."""

    def __init__(self, secrets: Iterable[bytes]) -> None:
        self.masters = [MasterKey(secret) for secret in dict.fromkeys(secrets)]
        self._by_id = {master.id: master for master in self.masters}
        if len(self._by_id) < len(self.masters):
            raise MisconfiguredError(
                "Two of the encryption keys have the same id, by chance: replace the newer one."
            )

    @property
    def newest(self) -> MasterKey:
        """Return the key that encrypts."""
        return self.masters[0]

    def find(self, key_id: bytes) -> MasterKey | None:
        """Return the key of an id."""
        return self._by_id.get(key_id)


def read_secrets(text: str, written: str) -> list[bytes]:
    """Read comma-separated keys as Fernet writes them; ``written`` names them in the error."""
    secrets = []
    parts = [part.strip() for part in text.split(",")]
    for number, part in enumerate(parts, 1):
        try:
            secret = base64.b64decode(part.encode("ascii"), altchars=b"-_", validate=True)
        except (binascii.Error, UnicodeEncodeError):
            secret = b""
        if len(secret) != _SECRET_SIZE:
            raise MisconfiguredError(
                f"{written} is wrong: key {number} of {len(parts)} is not 32 bytes in URL-safe "
                "base64. Make one with: python -c 'from cryptography.fernet import Fernet; "
                "print(Fernet.generate_key().decode())'."
            )
        secrets.append(secret)
    return secrets


def _derive(secret: bytes, purpose: bytes, size: int) -> bytes:
    return HKDF(algorithm=SHA256(), length=size, salt=None, info=purpose).derive(secret)
