"""Values compressed and encrypted: what is written, what is read back, and what is refused."""

from __future__ import annotations

import base64
import json
import os
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from redis_state import CorruptValueError, MisconfiguredError, RedisStateBackend
from redis_state.config.settings import Settings
from redis_state.format import compression, envelope
from redis_state.format.codec import Codec
from redis_state.format.keyring import _MOST_PAGES, MasterKey
from redis_state.format.layout import Place
from redis_state.format.references import refer
from tests.unit.frames import frame, raw_block, rle_block, skippable

GOLDEN = json.loads((Path(__file__).parent / "golden_sealed.json").read_text())
KEY, OTHER = (base64.urlsafe_b64encode(bytes([byte] * 32)).decode() for byte in (1, 2))
TIMES = (1_767_225_600_123_000, 0)
PAGE = Place("airflow:t:{dag/run/task}:-1")

texts = st.text(st.characters(), max_size=300)
names = st.text(st.characters(), max_size=20)
places = st.sampled_from(
    [PAGE, Place("airflow:a:{id:7}"), Place("airflow:t:{d/r/t}:3", "3:"), Place("other:a:{id:7}")]
)


def codec(**options: Any) -> Codec:
    return Codec(Settings(**options))


OWN = codec(encryption="own", encryption_keys=KEY)
BOTH = codec(encryption="own", encryption_keys=KEY, compression_threshold=1)
COMPRESSING = codec(compression_threshold=1)
OFF = codec()


def encoded(by: Codec, text: str, place: Place = PAGE, key: str = "key") -> bytes:
    return by.encode(text.encode("utf-8", "surrogatepass"), *TIMES, 7, place, key)


def decoded(by: Codec, raw: bytes, place: Place = PAGE, key: str = "key") -> str:
    return by.decode(raw, place, key).text


@pytest.mark.parametrize("golden", GOLDEN, ids=lambda golden: golden["name"])
def test_the_format_is_frozen(golden: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "urandom", lambda size: bytes(range(size)))
    place, raw = Place(golden["page"], golden["prefix"]), bytes.fromhex(golden["bytes"])
    by = codec(**golden["options"])
    text = golden["text"] * golden["times"]
    assert decoded(by, raw, place, golden["key"]) == text
    if golden["is_written_so"]:
        header = (golden["updated_at"], golden["expires_at"], golden["incarnation"])
        assert by.encode(text.encode(), *header, place, golden["key"]) == raw


@pytest.mark.parametrize("mark", [0xB1, 0xB2, 0xB3, 0xB4, 0xB8, 0xBF])
def test_a_version_without_these_flags_says_to_upgrade(mark: int) -> None:
    raw = bytes([mark]) + bytes(60)
    with pytest.raises(CorruptValueError) as caught:
        envelope.decode(raw, "page", "k")
    assert str(caught.value) == (
        f"The key 'k' of 'page' holds a value with flags, such as compressed or encrypted "
        f"(0x{mark:02X}), that this version cannot read; upgrade redis-state wherever this value "
        "is read."
    )


@pytest.mark.parametrize("mark", [0xB4, 0xB8, 0xBF])
def test_flags_of_a_later_version_are_refused_with_all_keys_at_hand(mark: int) -> None:
    with pytest.raises(CorruptValueError, match="with flags.*upgrade"):
        decoded(BOTH, bytes([mark]) + bytes(60))


@given(texts, names, places, st.sampled_from([0, 1, 50]), st.booleans())
def test_what_is_encoded_can_be_decoded(
    text: str, key: str, place: Place, threshold: int, encrypts: bool
) -> None:
    own = {"encryption": "own", "encryption_keys": KEY} if encrypts else {}
    by = codec(compression_threshold=threshold, **own)
    raw = encoded(by, text, place, key)
    assert decoded(by, raw, place, key) == text
    assert decoded(BOTH, raw, place, key) == text
    head = envelope.read_header(raw, "page", "key")
    assert (head.updated_at, head.expires_at, head.incarnation) == (*TIMES, 7)


@given(texts.filter(lambda text: len(text) > 3))
def test_nothing_of_a_text_shows_when_it_is_encrypted(text: str) -> None:
    assert text.encode("utf-8", "surrogatepass") not in encoded(OWN, text)


def test_the_same_text_is_never_encrypted_alike() -> None:
    assert encoded(OWN, "1") != encoded(OWN, "1")


@given(texts, st.data())
def test_a_flipped_bit_anywhere_but_in_the_deadline_is_refused(text: str, data: Any) -> None:
    raw = bytearray(encoded(BOTH, text))
    at = data.draw(st.integers(0, len(raw) - 1).filter(lambda at: not 7 <= at < 15))
    raw[at] ^= 1 << data.draw(st.integers(0, 7))
    # Without the flag of encryption the bytes are a plain text, though never the one it was.
    if raw[0] & 0xF2 == 0xB0:
        return
    with pytest.raises((CorruptValueError, MisconfiguredError)):
        decoded(BOTH, bytes(raw))


@given(texts, st.integers(1, 60))
def test_a_value_that_was_cut_off_is_refused(text: str, lost: int) -> None:
    raw = encoded(OWN, text)
    with pytest.raises(CorruptValueError, match="holds"):
        decoded(OWN, raw[: max(0, len(raw) - lost)])


def test_the_deadline_alone_may_be_moved_by_a_script_that_has_no_key() -> None:
    raw = encoded(OWN, "text")
    moved = raw[:7] + envelope.deadline_bytes(TIMES[0] + 1) + raw[15:]
    assert decoded(OWN, moved) == "text"


@given(names, names, places, places)
def test_a_value_opens_in_its_own_place_and_in_no_other(
    key: str, other_key: str, place: Place, other_place: Place
) -> None:
    raw = encoded(OWN, "text", place, key)
    if (place, key) == (other_place, other_key):
        assert decoded(OWN, raw, other_place, other_key) == "text"
        return
    with pytest.raises(CorruptValueError, match="does not open.*copied here"):
        decoded(OWN, raw, other_place, other_key)


def test_a_map_index_is_part_of_the_place() -> None:
    raw = encoded(OWN, "text", Place("p", "3:"))
    with pytest.raises(CorruptValueError, match="copied here"):
        decoded(OWN, raw, Place("p", "131:"))


def test_a_key_that_is_not_configured_is_named_by_its_id() -> None:
    raw = encoded(OWN, "text")
    stranger = codec(encryption="own", encryption_keys=OTHER)
    identity = MasterKey(bytes([1] * 32)).id.hex()
    says = rf"'key'.*a key that is not configured \(id {identity}\).*encryption_keys, behind"
    with pytest.raises(MisconfiguredError, match=says):
        decoded(stranger, raw)


def test_without_any_key_an_encrypted_value_says_what_to_set() -> None:
    with pytest.raises(MisconfiguredError, match="no key is configured here.*encryption"):
        decoded(OFF, encoded(OWN, "text"))


def test_every_key_decrypts_and_the_first_one_encrypts() -> None:
    rotated = codec(encryption="own", encryption_keys=f"{OTHER}, {KEY}")
    assert decoded(rotated, encoded(OWN, "text")) == "text"
    renewed = encoded(rotated, "text")
    assert decoded(codec(encryption="own", encryption_keys=OTHER), renewed) == "text"


def test_keys_alone_read_what_is_no_longer_written() -> None:
    reader = codec(encryption_keys=KEY)
    assert encoded(reader, "x" * 100) == encoded(OFF, "x" * 100)
    assert decoded(reader, encoded(BOTH, "text" * 100)) == "text" * 100


def test_plain_values_are_read_by_all() -> None:
    raw = envelope.encode(b"text", *TIMES)
    assert [decoded(by, raw) for by in (OWN, BOTH, COMPRESSING, OFF)] == ["text"] * 4


def test_airflow_s_fernet_key_is_one_like_any_other(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW__CORE__FERNET_KEY", f"{KEY},{OTHER}")
    with_airflows = codec(encryption="airflow")
    assert decoded(OWN, encoded(with_airflows, "text")) == "text"


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"encryption": "own"}, "encryption = own needs .redis_state. encryption_keys.*empty"),
        ({"encryption": "airflow"}, "encryption = airflow needs .core. fernet_key.*empty"),
        ({"encryption_keys": "c2hvcnQ="}, "encryption_keys is wrong: key 1 of 1 is not 32 bytes"),
        ({"encryption_keys": f"{KEY},"}, "key 2 of 2 is not 32 bytes.*Fernet.generate_key"),
        ({"encryption_keys": "\u00e9" * 44}, "key 1 of 1"),
        ({"encryption_keys": KEY[:-1] + "!"}, "key 1 of 1"),
    ],
)
def test_keys_that_cannot_be_used_are_refused_at_once(
    options: dict[str, Any], says: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AIRFLOW__CORE__FERNET_KEY", raising=False)
    with pytest.raises(MisconfiguredError, match=says) as caught:
        RedisStateBackend(**options)
    assert not {part for part in (KEY[:8], "c2hvcnQ", "\u00e9") if part in str(caught.value)}


def test_no_key_is_ever_shown() -> None:
    backend = RedisStateBackend(encryption="own", encryption_keys=f"{KEY},{OTHER}")
    assert OWN._cipher is not None
    shown = repr([backend, backend.settings, OWN._cipher.keyring.masters, vars(OWN)])
    assert "MasterKey(" in shown
    for secret in (KEY, OTHER, KEY.rstrip("="), repr(bytes([1] * 32))):
        assert secret not in shown


def test_a_reference_of_ours_stays_plain_and_what_only_looks_like_one_does_not() -> None:
    class Scope:
        dag_id, run_id, task_id, map_index = "d", "r", "t", -1

    reference = json.dumps({"__airflow_state_ref__": refer(Scope(), "key")})  # type: ignore[arg-type]
    assert encoded(BOTH, reference) == envelope.encode(reference.encode(), *TIMES, 7)
    for text in (
        json.dumps({"__airflow_state_ref__": '"kept inline"'}),
        json.dumps({"__airflow_state_ref__": "redis-state:a secret"}),
        json.dumps({"__airflow_state_ref__": refer(Scope(), "key"), "more": 1}),  # type: ignore[arg-type]
        '{"__airflow_state_ref__": "redis-state:',
    ):
        assert encoded(OWN, text)[0] == 0xB2


def test_a_text_below_the_threshold_or_that_hardly_shrinks_is_not_compressed() -> None:
    by = codec(compression_threshold=100)
    assert encoded(by, "x" * 99)[0] == 0xB0
    assert encoded(by, "x" * 100)[0] == 0xB1
    assert len(encoded(by, "x" * 100_000)) < 100
    noise = base64.b85encode(bytes(byte * 151 % 256 for byte in range(75))).decode() * 1
    assert encoded(COMPRESSING, noise)[0] == 0xB0


def test_a_compressed_value_is_read_where_nothing_is_compressed() -> None:
    assert decoded(codec(), encoded(COMPRESSING, "x" * 1000)) == "x" * 1000


def as_value(payload: bytes) -> bytes:
    return envelope.encode(payload, *TIMES, 0, envelope.COMPRESSED)


BOMBS = {
    "declares more": (compression.compress(bytes(1001)), "1001 bytes, more than the limit of 1000"),
    "declares petabytes": (frame(raw_block(b"x"), size=2**60), "more than the limit"),
    "declares nothing": (frame(rle_block(b"x", 100_000), size=None), "not say how large"),
    "declares less": (frame(rle_block(b"x", 100_000), size=10), "is damaged"),
    "declares more than it has": (frame(raw_block(b"x"), size=10), "is damaged"),
    "two frames": (compression.compress(b"1") * 2, "is damaged"),
    "a skippable one first": (skippable(b"x") + compression.compress(b"1"), "no frame of zstd"),
    "a skippable one last": (compression.compress(b"1") + skippable(b"x"), "is damaged"),
    "cut off": (compression.compress(bytes(range(200)))[:-1], "is damaged"),
    "garbage": (b"\x28\xb5\x2f\xfd" + b"\xff" * 30, "holds a compressed value"),
    "no frame": (b"text", "no frame of zstd"),
    "nothing": (b"", "no frame of zstd"),
    "a dictionary": (frame(raw_block(b"x"), size=1, dictionary=7), "is damaged"),
}


@pytest.mark.parametrize("bomb", BOMBS)
def test_a_frame_that_is_a_bomb_or_damaged_is_refused(bomb: str) -> None:
    payload, says = BOMBS[bomb]
    with pytest.raises(CorruptValueError, match=says):
        decoded(codec(max_value_bytes=1000), as_value(payload))


def test_a_frame_within_a_frame_is_decompressed_once() -> None:
    inner = compression.compress(b"x" * 900)
    raw = as_value(compression.compress(inner))
    with pytest.raises(CorruptValueError, match="not UTF-8"):
        decoded(OFF, raw)


@given(st.binary(max_size=200))
def test_any_bytes_behind_the_flags_are_read_or_refused(payload: bytes) -> None:
    for flags in (1, 2, 3):
        raw = envelope.encode(payload, *TIMES, 0, flags)
        with pytest.raises((CorruptValueError, MisconfiguredError)):
            decoded(BOTH, raw)


@given(st.binary(max_size=200))
def test_any_frame_stays_within_the_limit(rest: bytes) -> None:
    try:
        text = compression.decompress(b"\x28\xb5\x2f\xfd" + rest, 1000)
    except ValueError:
        return
    assert len(text) <= 1000


def test_a_value_that_is_due_or_of_another_run_takes_no_key_to_be_absent() -> None:
    raw = OWN.encode(b"text", TIMES[0], TIMES[0], 7, PAGE, "key")
    assert OFF.live_text(raw, TIMES[0], 7, PAGE, "key") is None
    lasting = encoded(OWN, "text")
    assert OFF.live_text(lasting, TIMES[0], 8, PAGE, "key") is None
    assert OWN.live_text(lasting, TIMES[0], 7, PAGE, "key") == "text"


def test_the_keys_of_pages_are_kept_in_bounds() -> None:
    master = MasterKey(bytes(32))
    assert master.of_page("a") is master.of_page("a")
    for number in range(2 * _MOST_PAGES):
        master.of_page(str(number))
    assert len(master._pages) <= _MOST_PAGES


@pytest.mark.parametrize(
    ("module", "options", "says"),
    [
        ("compression", {"compression_threshold": 1}, "backports.zstd"),
        ("cipher", {"encryption": "own", "encryption_keys": KEY}, "cryptography"),
    ],
)
def test_a_library_that_is_missing_is_named(
    module: str, options: dict[str, Any], says: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, f"redis_state.format.{module}", None)
    monkeypatch.delattr(f"redis_state.format.{module}")
    with pytest.raises(MisconfiguredError, match=f"pip install {says}"):
        codec(**options)


def test_a_compressed_value_names_the_library_that_reading_it_needs(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    raw = encoded(COMPRESSING, "x" * 100)
    monkeypatch.setitem(sys.modules, "redis_state.format.compression", None)
    monkeypatch.delattr("redis_state.format.compression")
    with pytest.raises(MisconfiguredError, match="pip install backports.zstd"):
        decoded(codec(), raw)
