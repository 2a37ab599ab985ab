"""The benchmarks, where there is no Airflow: the least of them, and what they say of the rest."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks import contenders
from benchmarks.chapters import CHAPTERS, execution_api
from benchmarks.contenders import postgresql
from benchmarks.harness import effort
from benchmarks.harness.results import load

ROOT = Path(__file__).parents[2]
HERE = {
    contenders.OURS,
    contenders.OURS_POOLED,
    contenders.REDIS_PY,
    contenders.WIRE,
    contenders.NAIVE,
    contenders.DICT,
}
IN_AIRFLOW = {
    contenders.METASTORE_SQLITE,
    contenders.METASTORE_POSTGRESQL,
    contenders.OBJECT_STORAGE,
}


def benchmark(*options: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "benchmarks", "--effort", "tiny", *options]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


def test_a_run_names_each_contender_and_all_that_it_could_not_measure(tmp_path: Path) -> None:
    file = tmp_path / "results.json"
    run = benchmark("--only", "one_thread,execution_api", "--json", str(file))
    assert run.returncode == 0, run.stderr
    results = load(file)
    (chapter,) = results.chapters
    assert {figure.contender for case in chapter.cases for figure in case.figures} == HERE
    for case in chapter.cases:
        assert case.figures[0].contender == contenders.OURS
        assert all(figure.median > 0 for figure in case.figures)
    for name in IN_AIRFLOW | {"execution_api"}:
        assert f"{name}: there is no Airflow here" in results.facts["not measured"]
    for said in (*HERE, results.facts["server"], results.facts["not measured"]):
        assert said in run.stdout


def test_a_chapter_that_there_is_not_is_refused_with_those_there_are() -> None:
    run = benchmark("--only", "one_threat")
    assert run.returncode == 2
    assert "no chapter: one_threat; there are: execution_api, one_thread, threads," in run.stderr


def test_the_makefile_gives_the_documentation_the_files_that_it_shows() -> None:
    page = (ROOT / "docs" / "benchmarks.md").read_text(encoding="utf-8")
    shown = set(re.findall(r"assets/benchmarks/([a-z_-]+)\.(?:md|svg)", page))
    assert shown == {"in-short", "method", "facts"} | {each.name for each in CHAPTERS}
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    assert "FIGURES := docs/assets/benchmarks\n" in makefile
    assert "benchmarks.figures $(FIGURES)\n" in makefile


def test_the_steps_of_a_call_are_shown_from_the_wire_to_the_method() -> None:
    command = [sys.executable, "-m", "benchmarks.where_the_time_goes", "--rounds=2", "--calls=3"]
    shown = subprocess.check_output(command, cwd=ROOT, text=True, stderr=subprocess.DEVNULL)
    lines = [line.split("|") for line in shown.splitlines() if "µs" in line or "ms" in line]
    steps = [line[1].strip() for line in lines]
    half = len(steps) // 2
    below = ["the link", "the lane", "the client, with a ready operation"]
    assert steps[2:half] == [*below, "`get`"]
    assert steps[half:] == [*steps[:half][:-1], "`set`"]


def test_two_checkouts_are_compared_call_by_call() -> None:
    options = ["--minutes=0", "--calls=40"]
    command = [sys.executable, "-m", "benchmarks.compare", str(ROOT), *options]
    shown = subprocess.check_output(command, cwd=ROOT, text=True, stderr=subprocess.DEVNULL)
    cells = [line.split("|")[1].strip() for line in shown.splitlines() if "µs" in line]
    assert cells == ["set with expiry", "get", "40 threads", "100 tasks"]
    assert "2 rounds." in shown


def test_the_quick_look_through_airflow_needs_an_airflow() -> None:
    command = [sys.executable, "-m", "benchmarks.through_airflow", "--rounds=1"]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert run.returncode == 2
    assert "there is no Airflow here" in run.stderr


def test_what_is_no_checkout_is_not_compared(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "benchmarks.compare", str(tmp_path)]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert run.returncode == 2
    assert f"{tmp_path} is no checkout: it has no redis_state/" in run.stderr


def test_a_chapter_says_whom_it_leaves_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(postgresql, "lack", lambda: "there is no PostgreSQL here")
    assert execution_api.missing(effort.FULL) == {
        contenders.METASTORE_POSTGRESQL: "there is no PostgreSQL here"
    }
    monkeypatch.setattr(postgresql, "lack", lambda: None)
    monkeypatch.setattr(postgresql, "can_count", lambda: False)
    assert execution_api.missing(effort.FULL) == {
        "statements in the metadata database": "there is no pg_stat_statements here"
    }
    monkeypatch.setattr(postgresql, "can_count", lambda: True)
    assert execution_api.missing(effort.FULL) == {}
    assert execution_api.missing(effort.QUICK) == {
        "middlewares of pure ASGI": "a short run does without"
    }
