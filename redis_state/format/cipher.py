"""Values under AES-256-GCM, bound to where they lie.

| bytes | what |
|---|---|
| 4 | the id of the master key |
| 12 | the nonce |
| the rest | the ciphertext, with its tag of 16 bytes |

Bound to it are the header, the page and the field. The deadline in the header alone is not: a
script moves that of a worker value together with its reference's, and a script has no key.
"""

from __future__ import annotations

import os

from cryptography.exceptions import InvalidTag

from redis_state.errors import MisconfiguredError
from redis_state.format import envelope
from redis_state.format.keyring import ID_SIZE, Keyring
from redis_state.format.layout import Place

_NONCE_SIZE = 12
_SMALLEST = ID_SIZE + _NONCE_SIZE + 16


class Cipher:
    """Encrypts with the newest key, and decrypts with any."""

    def __init__(self, keyring: Keyring, option: str) -> None:
        self.keyring = keyring
        self.option = option

    def encrypt(self, header: bytes, plain: bytes, place: Place, key: str) -> bytes:
        """Return what follows the header of an encrypted value."""
        master, nonce = self.keyring.newest, os.urandom(_NONCE_SIZE)
        bound = _bound(header, place, key)
        return master.id + nonce + master.of_page(place.page).encrypt(nonce, plain, bound)

    def decrypt(self, raw: bytes, place: Place, key: str) -> bytes:
        """Return what was encrypted."""
        page, encrypted = place.page, raw[envelope.SIZE :]
        if len(encrypted) < _SMALLEST:
            raise envelope.corrupt(page, key, "holds an encrypted value that was cut off.")
        key_id, rest = encrypted[:ID_SIZE], encrypted[ID_SIZE:]
        master = self.keyring.find(key_id)
        if master is None:
            raise MisconfiguredError(
                f"The key {key!r} of {page!r} holds a value that is encrypted with a key that is "
                f"not configured (id {key_id.hex()}): add that key to {self.option}, behind the "
                "newest, wherever the value is read."
            )
        try:
            return master.of_page(page).decrypt(
                rest[:_NONCE_SIZE], rest[_NONCE_SIZE:], _bound(raw, place, key)
            )
        except InvalidTag:
            raise envelope.corrupt(
                page,
                key,
                "holds an encrypted value that does not open: it was damaged, or written under "
                "another key or scope and copied here. Delete it, or restore it from a backup.",
            ) from None

    def is_newest(self, raw: bytes) -> bool:
        """Tell whether an encrypted value is encrypted with the newest key."""
        return raw[envelope.SIZE :][:ID_SIZE] == self.keyring.newest.id


def _bound(header: bytes, place: Place, key: str) -> bytes:
    page, field = place.page.encode(), (place.prefix + key).encode("utf-8", "surrogatepass")
    return envelope.without_deadline(header) + len(page).to_bytes(4, "big") + page + field
