"""State keys under AES-SIV: the same name is always sealed alike, so that it is found again.

A sealed name is the byte B2, which no text begins with, the id of the master key (4 bytes), and the
ciphertext of AES-256-SIV. It is bound to its page, without the letter of payloads there, because a
reference and its payload share a field; and to the map index, which stays in front of it in plain.

While keys change, or names begin or cease to be sealed, a name may lie in one of several fields.
All are looked at, and a write removes the others in the same step.
"""

from __future__ import annotations

from cryptography.exceptions import InvalidTag

from redis_state.errors import MisconfiguredError
from redis_state.format import envelope
from redis_state.format.keyring import ID_SIZE, Keyring, MasterKey
from redis_state.format.layout import SEALED_NAME, Place

_HEAD_SIZE = len(SEALED_NAME) + ID_SIZE


class Names:
    """Finds the fields of state keys."""

    def __init__(self, keyring: Keyring, option: str, *, writes: bool) -> None:
        self._keyring = keyring
        self._option = option
        self._writes = writes
        # What the fields begin with that are written today; nothing for plain ones.
        self.head = SEALED_NAME + keyring.newest.id if writes else b""

    def fields(self, place: Place, key: str) -> tuple[bytes, ...]:
        """Return every field that a state key may have; the first one is where it is written."""
        plain, sealed = (
            place.field(key),
            [_seal(each, place, key) for each in self._keyring.masters],
        )
        return (*sealed, plain) if self._writes else (plain, *sealed)

    def key(self, place: Place, field: bytes) -> str | None:
        """Return the state key of a field, or None for a field that is not this place's."""
        name = field.removeprefix(place.prefix.encode())
        if not name.startswith(SEALED_NAME):
            return place.key(field)
        master = self._keyring.find(name[len(SEALED_NAME) : _HEAD_SIZE])
        if master is None:
            raise MisconfiguredError(
                f"{place.page!r} has a name that is encrypted with a key that is not configured "
                f"(id {name[len(SEALED_NAME) : _HEAD_SIZE].hex()}): add that key to {self._option}."
            )
        try:
            plain = master.names.decrypt(name[_HEAD_SIZE:], _bound(place))
        except (InvalidTag, ValueError):
            raise envelope.corrupt(
                place.page, field.hex(), "is an encrypted name that was damaged or copied here."
            ) from None
        return plain[1:].decode("utf-8", "surrogatepass")


def _seal(master: MasterKey, place: Place, key: str) -> bytes:
    # One byte more, because not every version of the cipher takes an empty text.
    name = b"=" + key.encode("utf-8", "surrogatepass")
    return (
        place.prefix.encode() + SEALED_NAME + master.id + master.names.encrypt(name, _bound(place))
    )


def _bound(place: Place) -> list[bytes]:
    kind, brace, rest = place.page.partition("{")
    both = kind.removesuffix("w:") + ":" if kind.endswith("w:") else kind
    return [f"{both}{brace}{rest}".encode(), place.prefix.encode() or b"-"]
