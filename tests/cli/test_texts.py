"""What people read: how far away a moment is."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from redis_state.cli.texts import distance


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
