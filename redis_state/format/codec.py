"""The codec: from texts to the bytes of values and back, compressed and encrypted as options say.

References of ours stay as they are, since scripts read them; they hold names, and no value.
"""

from __future__ import annotations

from types import ModuleType
from typing import TYPE_CHECKING

from redis_state.airflow.config import fernet_keys
from redis_state.config.settings import Settings
from redis_state.errors import MisconfiguredError
from redis_state.format import envelope, references
from redis_state.format.envelope import (
    COMPRESSED,
    ENCRYPTED,
    FORMAT,
    LAST_HIGH,
    LAST_MOMENT,
    SIZE,
    Envelope,
    may_read,
    unpack,
)
from redis_state.format.layout import Place

if TYPE_CHECKING:
    from redis_state.format.cipher import Cipher

_MARK = references.MARK.encode()
# Where less is saved, reading faster is worth more.
_WORTHWHILE = 0.9


class Codec:
    """Writes values as the options say; what it need not write it reads all the same.

    Without any option it is `PLAIN`, which stores each text as it is.
    """

    def __init__(self, settings: Settings) -> None:
        self._limit = settings.max_value_bytes
        self._threshold = settings.compression_threshold
        self._zstd = _compression() if self._threshold else None
        self._cipher = _cipher(settings)
        self._encrypting = self._cipher if settings.encryption != "off" else None
        self._is_plain = not (self._encrypting or self._threshold)

    @property
    def newest_key_id(self) -> bytes:
        """The id of the key that values are encrypted with; empty where none is."""
        return self._encrypting.keyring.newest.id if self._encrypting is not None else b""

    def encode(
        self,
        text: bytes,
        updated_at: int,
        expires_at: int,
        incarnation: int,
        place: Place,
        key: str,
    ) -> bytes:
        """Return the bytes of a value; times are microseconds since 1970."""
        if self._is_plain or _is_reference(text):
            return envelope.encode(text, updated_at, expires_at, incarnation)
        flags = 0
        if self._zstd is not None and len(text) >= self._threshold:
            frame = self._zstd.compress(text)
            if len(frame) <= len(text) * _WORTHWHILE:
                text, flags = frame, COMPRESSED
        if self._encrypting is None:
            return envelope.encode(text, updated_at, expires_at, incarnation, flags)
        header = envelope.encode(b"", updated_at, expires_at, incarnation, flags | ENCRYPTED)
        return header + self._encrypting.encrypt(header, text, place, key)

    def decode(self, raw: bytes, place: Place, key: str) -> Envelope:
        """Return a value with its times, whoever may read it."""
        if not envelope.has_flags(raw):
            return envelope.decode(raw, place.page, key)
        header = envelope.read_header(raw, place.page, key)
        text = self._without_flags(raw, place, key)
        return header._replace(text=envelope.to_text(text, place.page, key))

    def live_text(
        self, raw: bytes, now: int, incarnation: int, place: Place, key: str
    ) -> str | None:
        """Return the text of a value, or None where a reader may not see it."""
        if len(raw) >= SIZE:
            mark, high, _, expires_at, written_by = unpack(raw)
            is_plain = mark == FORMAT and high < LAST_HIGH and expires_at <= LAST_MOMENT
            if is_plain and may_read(expires_at, written_by, now, incarnation):
                try:
                    return raw[SIZE:].decode()
                except UnicodeDecodeError:
                    pass  # a lone surrogate, or bytes that are no text
        return self._look_closer(raw, now, incarnation, place, key)

    def reencrypt(self, raw: bytes, place: Place, key: str) -> bytes:
        """Return a value as it would be written today, with its own times."""
        if self._is_newest(raw):
            return raw
        found = self.decode(raw, place, key)
        text = found.text.encode("utf-8", "surrogatepass")
        return self.encode(text, found.updated_at, found.expires_at, found.incarnation, place, key)

    def _is_newest(self, raw: bytes) -> bool:
        if self._cipher is None or not raw[0] & ENCRYPTED:
            return False
        return self._cipher.is_newest(raw)

    def _look_closer(
        self, raw: bytes, now: int, incarnation: int, place: Place, key: str
    ) -> str | None:
        # What a reader may not see needs no encryption key to be absent.
        if envelope.has_flags(raw):
            header = envelope.read_header(raw, place.page, key)
            if not header.is_live(now, incarnation):
                return None
        found = self.decode(raw, place, key)
        return found.text if found.is_live(now, incarnation) else None

    def _without_flags(self, raw: bytes, place: Place, key: str) -> bytes:
        text = raw[envelope.SIZE :]
        if raw[0] & ENCRYPTED:
            if self._cipher is None:
                raise MisconfiguredError(
                    f"The key {key!r} of {place.page!r} holds an encrypted value, and no key is "
                    "configured here: set [redis_state] encryption as where it was written, or "
                    "encryption_keys alone to read it."
                )
            text = self._cipher.decrypt(raw, place, key)
        if raw[0] & COMPRESSED:
            self._zstd = self._zstd or _compression()
            try:
                text = self._zstd.decompress(text, self._limit)
            except ValueError as error:
                raise envelope.corrupt(
                    place.page,
                    key,
                    f"holds a compressed value that {error}. If it is yours, raise "
                    "[redis_state] max_value_bytes; if not, delete it.",
                ) from error
        return text


def _is_reference(text: bytes) -> bool:
    return text.startswith(_MARK) and references.names_worker_value(text)


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


PLAIN = Codec(Settings())
