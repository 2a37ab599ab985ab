"""What people read: how far away a moment is, and what does not fit in a line."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from redis_state.cli.tables import fold
from redis_state.cli.texts import distance, values


@pytest.mark.parametrize(
    ("seconds", "told"),
    [
        (0, "0s"),
        (59.2, "59s"),
        (61, "1m 1s"),
        (3599.7, "1h"),
        (2 * 3600 + 300, "2h 5m"),
        (86_400 - 1, "1d"),
        # Just kept for two days.
        (2 * 86_400 - 0.01, "2d"),
        (30 * 86_400 - 2 * 3600, "29d 22h"),
    ],
)
def test_a_distance_is_told_in_its_two_largest_units(seconds: float, told: str) -> None:
    now = datetime.now(UTC)
    assert distance(now + timedelta(seconds=seconds), now) == told


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("scheduled__2026-11-29T00:00:00+00:00", ["scheduled__2026-11-29", "T00:00:00+00:00"]),
        ("its run was deleted by somebody", ["its run was deleted by", "somebody"]),
        ("x" * 30, ["x" * 23, "x" * 7]),
        # It would leave most of the line empty.
        ("etl/" + "x" * 30, ["etl/" + "x" * 19, "x" * 11]),
        ("日本語" * 6, ["日本語" * 3 + "日本", "語" + "日本語" * 2]),
    ],
)
def test_what_is_too_wide_goes_on_where_a_part_of_it_ends(text: str, lines: list[str]) -> None:
    assert fold(text, 23) == lines


@given(
    text=st.text(st.characters(categories=["L", "N", "P", "Mn", "Zs"])), width=st.integers(1, 40)
)
def test_all_lines_fit_and_nothing_is_lost_but_spaces(text: str, width: int) -> None:
    lines = fold(text, width)
    # A column may be as narrow as the first rows were, and a character two cells wide.
    assert all(cell_len(line) <= max(width, 2) for line in lines)
    assert re.sub(r"\s", "", "".join(lines)) == re.sub(r"\s", "", text)


def test_a_value_of_any_size_is_folded_in_one_pass() -> None:
    """Who looks at each rest once more would take hours."""
    assert fold("x" * 4_000_000, 40) == ["x" * 40] * 100_000


def test_one_value_is_no_values() -> None:
    assert [values(number) for number in (0, 1, 2_000)] == ["0 values", "1 value", "2,000 values"]
