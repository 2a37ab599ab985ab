"""What the documentation shows is true: its examples run, its links and commands are there."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
BLOCK = re.compile(r"^( *)```python\n(.*?)^\1```$", re.MULTILINE | re.DOTALL)
# By its name, not by the path of a file.
FROM_AN_INDEX = re.compile(
    r"PyPI|\b(pip|pipx|uv|poetry)\b.* (add|download|install|wheel)\b[^(\n]*[ '\"`]redis[-_]state\b"
)


def blocks_of(page: Path) -> list[str]:
    return [found.group(2) for found in BLOCK.finditer(page.read_text(encoding="utf-8"))]


WITH_EXAMPLES = [page for page in PAGES if blocks_of(page)]


@pytest.mark.parametrize("page", WITH_EXAMPLES, ids=lambda page: page.name)
def test_the_examples_of_a_page_run_from_top_to_bottom(page: Path, tmp_path: Path) -> None:
    code = "\n".join(blocks_of(page))
    path = tmp_path / f"test_{page.stem.replace('-', '_')}.py"
    path.write_text(code, encoding="utf-8")
    options = "[pytest]\nasyncio_default_fixture_loop_scope = function\n"
    (tmp_path / "pytest.ini").write_text(options, encoding="utf-8")
    runner = ["-m", "pytest", "-q", "-p", "no:cacheprovider"] if "def test_" in code else []
    ran = subprocess.run(
        [sys.executable, "-W", "error", *runner, str(path)],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr


def test_most_pages_have_examples() -> None:
    assert len(WITH_EXAMPLES) >= 5


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_between_pages_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#\s]+\.md)", page.read_text(encoding="utf-8")):
        assert (page.parent / target).exists(), target


def test_only_the_page_on_installing_says_where_the_package_comes_from() -> None:
    assert FROM_AN_INDEX.search("$ pip install 'apache-airflow==3.3.2' redis-state[embedded]")
    code = [path for part in ("redis_state", "examples") for path in (ROOT / part).rglob("*.py")]
    pages = [*PAGES, ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md", ROOT / "pyproject.toml"]
    for path in {*pages, *code} - {ROOT / "docs" / "install.md"}:
        found = FROM_AN_INDEX.search(path.read_text(encoding="utf-8"))
        assert not found, f"{path}: {found and found.group()}"


def test_the_commands_that_the_readme_names_are_there() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for page in PAGES:
        for command in re.findall(r"(?:`|\$ )make ([a-z-]+)", page.read_text(encoding="utf-8")):
            assert re.search(rf"^{command}:", makefile, re.MULTILINE), f"{page.name}: {command}"
