"""That the page about the express lane names what is there: requests of the table, and reasons."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from redis_state.plugin.express_lane import passing
from tests.with_airflow.lane.table import TABLE

ROOT = Path(__file__).parents[3]
PAGE = (ROOT / "docs/express-lane.md").read_text(encoding="utf-8")


def rows_of(section: str) -> list[list[str]]:
    text = re.split(rf"^## {section}$", PAGE, flags=re.MULTILINE)[1].split("\n## ")[0]
    rows = [line.strip("|").split("|") for line in text.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in row] for row in rows[2:]]


@pytest.mark.parametrize("row", rows_of("What is checked"), ids=lambda row: row[0])
def test_each_check_has_a_request_or_a_file_that_would_fail(row: list[str]) -> None:
    names = {asked.name for asked in TABLE}
    named = re.findall(r"`([^`]+)`", row[1])
    assert named
    assert [each for each in named if each not in names and not (ROOT / each).is_file()] == []


def test_each_reason_to_pass_is_told() -> None:
    told = [row[0].strip("`") for row in rows_of("What passes")]
    reasons = [value for name, value in vars(passing).items() if name.isupper()]
    assert sorted(told) == sorted(reasons)
