from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests import matrix

ROOT = matrix.HERE.parent


@pytest.mark.parametrize("name", matrix.LANES)
def test_all_parts_of_a_lane_are_there(name: str) -> None:
    parts = matrix.LANES[name].parts
    assert parts
    assert [part for part in parts if not (matrix.HERE / part).exists()] == []


def test_each_lane_has_its_session() -> None:
    nox = [str(Path(sys.executable).parent / "nox"), "--list", "--json"]
    listed = json.loads(subprocess.check_output(nox, cwd=ROOT, text=True))
    sessions = {session["name"] for session in listed}
    # Some are for one parameter of a session.
    assert {name.partition("(")[0] for name in matrix.LANES} < sessions


def test_each_variable_is_explained() -> None:
    variable = re.compile(r"REDIS_STATE_TEST_\w+")
    known = set(variable.findall((matrix.HERE / "matrix.py").read_text()))
    assert known == set(variable.findall((ROOT / "CONTRIBUTING.md").read_text()))


def test_a_value_that_says_nothing_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REDIS_STATE_TEST_SERVERS", "ALL")
    code = [sys.executable, "-c", "import tests.matrix"]
    tried = subprocess.run(code, cwd=ROOT, capture_output=True, text=True, check=False)
    assert "REDIS_STATE_TEST_SERVERS='ALL' says nothing: it is one of some, all" in tried.stderr
