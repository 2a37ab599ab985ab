"""The bytes of a value: frozen, exact, and told from all other bytes."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from redis_state import CorruptValueError
from redis_state.format.codec import PLAIN
from redis_state.format.envelope import (
    FORMAT,
    NEVER,
    UNKNOWN,
    Envelope,
    decode,
    encode,
    has_flags,
    now,
    to_datetime,
    to_microseconds,
)
from redis_state.format.layout import Place

GOLDEN = json.loads((Path(__file__).parent / "golden_envelopes.json").read_text())
LAST_MOMENT = to_microseconds(datetime.max.replace(tzinfo=UTC))
moments = st.integers(0, LAST_MOMENT)
texts = st.text(st.characters())


@pytest.mark.parametrize("golden", GOLDEN, ids=lambda golden: golden["name"])
def test_the_format_is_frozen(golden: dict[str, Any]) -> None:
    raw = bytes.fromhex(golden["bytes"])
    text = golden["text"]
    times = {name: golden[name] for name in ("updated_at", "expires_at", "incarnation")}
    assert encode(text.encode("utf-8", "surrogatepass"), **times) == raw
    assert decode(raw, "page", "key") == Envelope(text, **times)


@given(texts, moments, moments, st.integers(0, 2**32 - 1))
def test_what_is_encoded_can_be_decoded(
    text: str, updated_at: int, expires_at: int, incarnation: int
) -> None:
    raw = encode(
        text.encode("utf-8", "surrogatepass"),
        updated_at=updated_at,
        expires_at=expires_at,
        incarnation=incarnation,
    )
    in_milliseconds = updated_at // 1000 * 1000
    assert decode(raw, "page", "key") == Envelope(text, in_milliseconds, expires_at, incarnation)


@given(st.binary(max_size=80))
def test_any_bytes_are_read_or_refused_by_name(raw: bytes) -> None:
    try:
        decoded = decode(raw, "page", "k")
    except CorruptValueError as error:
        assert str(error).startswith("The key 'k' of 'page' holds")  # noqa: PT017 - both ends are right
    else:
        assert raw[0] == 0xB0
        to_datetime(decoded.updated_at)
        to_datetime(decoded.expires_at)


@pytest.mark.parametrize(
    ("raw", "says"),
    [
        (b"", "0 bytes that redis-state did not write"),
        (b'"a JSON text of some length"', "begin with 0x22"),
        (b"\x80\x04\x95" + bytes(30), "later format"),
        (b"\xa0" + bytes(30), "later format .0xA0.; upgrade"),
        (b"\xb1" + bytes(30), "flags.*0xB1.*upgrade"),
        (b"\xb0" + bytes(17), "18 bytes"),
        (b"\xb0" + b"\xff" * 18, "out of range"),
        (b"\xb0" + bytes(18) + b"\xff", "not UTF-8"),
    ],
)
def test_foreign_bytes_are_an_error_that_says_so(raw: bytes, says: str) -> None:
    with pytest.raises(CorruptValueError, match=says):
        decode(raw, "page", "k")


def test_a_value_is_live_up_to_its_deadline_and_not_at_it() -> None:
    decoded = Envelope("1", 0, 1_000_000)
    assert decoded.is_live(999_999)
    assert not decoded.is_live(1_000_000)
    assert Envelope("1", 0, NEVER).is_live(LAST_MOMENT)


@pytest.mark.parametrize(
    ("deadline", "microseconds"),
    [
        (None, NEVER),
        (datetime(1970, 1, 1, tzinfo=UTC), 1),
        (datetime.min.replace(tzinfo=UTC), 1),
        (datetime(1970, 1, 1, 0, 0, 1), 1_000_000),  # noqa: DTZ001 - naive on purpose
        (datetime(1970, 1, 1, 2, tzinfo=timezone(timedelta(hours=1))), 3_600_000_000),
        (datetime.max.replace(tzinfo=UTC), 253_402_300_799_999_999),
    ],
)
def test_deadlines_are_exact(deadline: datetime | None, microseconds: int) -> None:
    assert to_microseconds(deadline) == microseconds


def test_a_deadline_beyond_the_year_9999_in_utc_is_the_last_moment() -> None:
    beyond = datetime.max.replace(tzinfo=timezone(timedelta(hours=-12)))
    assert to_microseconds(beyond) == LAST_MOMENT


@given(st.datetimes(datetime(1970, 1, 2), timezones=st.just(UTC)))  # noqa: DTZ001
def test_moments_survive_the_way_there_and_back(moment: datetime) -> None:
    assert to_datetime(to_microseconds(moment)) == moment


# Few moments and incarnations, so that they often meet; and those at the ends of their ranges.
some_moments = st.one_of(st.integers(0, 3), st.integers(LAST_MOMENT - 1, LAST_MOMENT + 1), moments)
incarnations = st.one_of(
    st.sampled_from([UNKNOWN, 1, 2, 2**32 - 1, 2**32, 2**32 + 1]), st.integers(0, 2**40)
)
headers = st.builds(
    lambda mark, updated_at, expires_at, incarnation: (
        bytes([mark])
        + (updated_at // 1000).to_bytes(6, "big")
        + expires_at.to_bytes(8, "big")
        + incarnation.to_bytes(4, "big")
    ),
    st.one_of(st.just(FORMAT), st.sampled_from([0x22, 0x80, 0x90, 0xA0, 0xB4, 0xB8])),
    st.one_of(some_moments, st.integers(0, (2**48 - 1) * 1000)),
    st.one_of(some_moments, st.integers(0, 2**64 - 1)),
    st.one_of(st.integers(0, 2), st.just(2**32 - 1), st.integers(0, 2**32 - 1)),
)
tails = st.one_of(
    texts.map(lambda text: text.encode("utf-8", "surrogatepass")), st.binary(max_size=20)
)


def outcome(read: Callable[[], str | None]) -> tuple[str | None, str]:
    try:
        return read(), ""
    except CorruptValueError as error:
        return None, str(error)


@given(
    st.one_of(st.builds(lambda head, tail: head + tail, headers, tails), st.binary(max_size=80)),
    st.one_of(some_moments, moments),
    incarnations,
)
@example(b"\xb0" + b"\xff" * 18, 0, UNKNOWN)
@example(encode(b"1", 0, 2, 1), 2, 2**32 + 1)
def test_the_quick_way_to_a_live_text_and_the_long_one_agree(
    raw: bytes, now: int, incarnation: int
) -> None:
    # Compressed and encrypted ones are tried in test_codec.py.
    assume(not has_flags(raw))

    def slowly() -> str | None:
        decoded = PLAIN.decode(raw, Place("page"), "k")
        return decoded.text if decoded.is_live(now, incarnation) else None

    quickly = outcome(lambda: PLAIN.live_text(raw, now, incarnation, Place("page"), "k"))
    assert quickly == outcome(slowly)


def test_now_is_now() -> None:
    assert abs(to_datetime(now()) - datetime.now(UTC)) < timedelta(seconds=5)
