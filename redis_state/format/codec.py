"""From texts to envelopes with flags, and back: compressed first, then encrypted.

References of ours stay as they are, since scripts read them; they hold names, and no value.
"""

from __future__ import annotations

from types import ModuleType
from typing import TYPE_CHECKING

from redis_state.airflow.config import fernet_keys
from redis_state.config.settings import Settings
from redis_state.errors import MisconfiguredError
from redis_state.format import envelope, references
from redis_state.format.envelope import COMPRESSED, ENCRYPTED
from redis_state.format.layout import Place

if TYPE_CHECKING:
    from redis_state.format.cipher import Cipher
    from redis_state.format.names import Names

_MARK = references.MARK.encode()
# Where less is saved, reading faster is worth more.
_WORTHWHILE = 0.9


class Sealer:
    """Seals and opens values as the options say; what it need not write it reads all the same."""

    def __init__(self, settings: Settings) -> None:
        self._limit = settings.max_value_bytes
        self._threshold = settings.compression_threshold
        self._zstd = _compression() if self._threshold else None
        self.cipher = _cipher(settings)
        self.encrypts = settings.encryption != "off"
        self.names = _names(settings, self.cipher)

    @property
    def writes(self) -> bool:
        """Tell whether anything is written in another way than plainly."""
        return self.encrypts or bool(self._threshold) or self.names is not None

    def seal(
        self, text: bytes, times: tuple[int, int], incarnation: int, place: Place, key: str
    ) -> bytes:
        """Put a text into its envelope; the times are updated_at and expires_at."""
        if text.startswith(_MARK) and references.names_payload(text):
            return envelope.seal(text, *times, incarnation)
        flags = 0
        if self._zstd is not None and len(text) >= self._threshold:
            frame = self._zstd.compress(text)
            if len(frame) <= len(text) * _WORTHWHILE:
                text, flags = frame, COMPRESSED
        if self.encrypts:
            assert self.cipher is not None
            header = envelope.seal(b"", *times, incarnation, flags | ENCRYPTED)
            return header + self.cipher.seal(
                header, text, place.page, _bound_field(place.prefix, key)
            )
        return envelope.seal(text, *times, incarnation, flags)

    def reseal(self, raw: bytes, place: Place, key: str) -> bytes:
        """Return the same envelope as it would be written today, with its own times."""
        sealed = envelope.unseal(raw, place.page, key, self, place.prefix)
        text = sealed.text.encode("utf-8", "surrogatepass")
        return self.seal(
            text, (sealed.updated_at, sealed.expires_at), sealed.incarnation, place, key
        )

    def is_newest(self, raw: bytes) -> bool:
        """Tell whether an envelope is encrypted with the newest key."""
        is_encrypted = len(raw) > envelope.SIZE and bool(raw[0] & ENCRYPTED)
        return is_encrypted and self.cipher is not None and self.cipher.is_newest(raw)

    def open(self, raw: bytes, page: str, key: str, prefix: str) -> bytes:
        """Return the text of an envelope with flags."""
        payload = raw[envelope.SIZE :]
        if raw[0] & ENCRYPTED:
            if self.cipher is None:
                raise MisconfiguredError(
                    f"The key {key!r} of {page!r} holds an encrypted value, and no key is "
                    "configured here: set [redis_state] encryption as where it was written, or "
                    "encryption_keys alone to read it."
                )
            payload = self.cipher.open(raw, page, _bound_field(prefix, key), key)
        if raw[0] & COMPRESSED:
            self._zstd = self._zstd or _compression()
            try:
                payload = self._zstd.decompress(payload, self._limit)
            except ValueError as error:
                raise envelope.corrupt(
                    page,
                    key,
                    f"holds a compressed value that {error}. If it is yours, raise "
                    "[redis_state] max_value_bytes; if not, delete it.",
                ) from error
        return payload


def _names(settings: Settings, cipher: Cipher | None) -> Names | None:
    if settings.encrypt_key_names == "off":
        return None
    writes = settings.encrypt_key_names == "on"
    if cipher is None or (writes and settings.encryption == "off"):
        raise MisconfiguredError(
            f"[redis_state] encrypt_key_names = {settings.encrypt_key_names} needs keys: set "
            "encryption to airflow or own."
        )
    from redis_state.format.names import Names  # noqa: PLC0415 - an extra, as the cipher

    return Names(cipher.keyring, cipher.option, writes=writes)


def _bound_field(prefix: str, key: str) -> bytes:
    return (prefix + key).encode("utf-8", "surrogatepass")


def _compression() -> ModuleType:
    try:
        from redis_state.format import compression  # noqa: PLC0415 - an extra
    except ImportError:
        raise MisconfiguredError(
            "Compressed values need a library that is not here: pip install backports.zstd "
            "(the extra redis-state[compression])."
        ) from None
    return compression


def _cipher(settings: Settings) -> Cipher | None:
    keys, option = settings.encryption_keys, "[redis_state] encryption_keys"
    text = keys.get_secret_value() if keys is not None else ""
    if settings.encryption == "airflow":
        text, option = fernet_keys(), "[core] fernet_key"
    if not text:
        if settings.encryption == "off":
            return None
        raise MisconfiguredError(
            f"[redis_state] encryption = {settings.encryption} needs {option}, which is empty: set "
            "it to the same keys in every process that reads or writes state, workers too."
        )
    try:
        from redis_state.format.cipher import Cipher  # noqa: PLC0415 - an extra
        from redis_state.format.keyring import Keyring, read_secrets  # noqa: PLC0415 - the same
    except ImportError:
        raise MisconfiguredError(
            "Encryption needs a library that is not here: pip install cryptography (the extra "
            "redis-state[encryption])."
        ) from None
    return Cipher(Keyring(read_secrets(text, option)), option)
