"""What the documentation shows is true: its examples run, its links and commands are there."""

from __future__ import annotations

import base64
import re
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

import pytest
import redis
from cryptography.fernet import Fernet

from examples import read_format
from redis_state import AssetScope, RedisStateBackend, TaskScope
from redis_state.testing import EmbeddedServer

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
    for page in (*PAGES, ROOT / "CONTRIBUTING.md"):
        shown = re.findall(
            r"(?<=`)make ([a-z-]+)(?=`)|^ *make ([a-z-]+)(?: +#.*)?$",
            page.read_text(encoding="utf-8"),
            re.MULTILINE,
        )
        for command in map("".join, shown):
            assert re.search(rf"^{command}:", makefile, re.MULTILINE), f"{page.name}: {command}"


def test_the_demo_runs_on_where_the_readme_says_so() -> None:
    assert "make demo KEEP=1 " in (ROOT / "README.md").read_text(encoding="utf-8")
    for asked, runs_on in (("KEEP=1", True), ("KEEP=", False)):
        make = ["make", "--dry-run", "--assume-old", ".venv-demo/ready", "demo", asked]
        commands = subprocess.check_output(make, cwd=ROOT, text=True)
        assert ("examples.demo --keep" in commands) is runs_on


@pytest.mark.parametrize("page", [*PAGES, ROOT / "CONTRIBUTING.md"], ids=lambda page: page.name)
def test_commands_have_no_prompt_that_would_be_copied(page: Path) -> None:
    assert not re.findall(r"^ *(?:\$|>>>) .*", page.read_text(encoding="utf-8"), re.MULTILINE)


def test_a_page_is_called_the_same_in_the_navigation_and_in_its_heading() -> None:
    settings = (ROOT / "mkdocs.yml").read_text(encoding="utf-8")
    titles = dict(re.findall(r"^ +- (.+): (\S+\.md)$", settings, re.MULTILINE))
    pages = {page.name: page.read_text(encoding="utf-8").splitlines()[0] for page in PAGES[1:]}
    assert pages == {name: f"# {title}" for title, name in titles.items()}


def test_the_readme_is_short_and_has_the_figures_of_the_benchmarks() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert len(readme.split()) <= 500
    in_short = (ROOT / "docs/assets/benchmarks/in-short.md").read_text(encoding="utf-8")
    rows = [[cell.strip() for cell in line.split("|")] for line in in_short.splitlines()]
    ratios = {(row[1], row[2]): row[5] for row in rows if len(row) > 5}
    for case, against, shown in (
        ("get, 20 B, one thread", "redis-py", "{} times faster"),
        (
            "through Airflow's own API, set, 8 clients: requests a second",
            "metastore, PostgreSQL",
            "{} times as many `set` a second",
        ),
        ("mixed get/set, 100 tasks: calls a second", "redis-py", "{} times as many"),
    ):
        measured = float(ratios[case, against].removesuffix("x faster"))
        assert shown.format(f"{measured:.2g}") in " ".join(readme.split())


def test_the_built_pages_are_read_and_searched_without_any_host(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "-d", str(tmp_path)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    assert (tmp_path / "search/search_index.js").read_text().startswith("var __index = {")
    for page in tmp_path.glob("*.html"):
        loaded = re.findall(
            r"<(?:script|link|img|iframe)\b[^>]*(?:src|href)=\"([^\"]+)", page.read_text()
        )
        assert any(each.endswith("assets/javascripts/iframe-worker.js") for each in loaded)
        assert not [each for each in loaded if "//" in each]


def test_the_reader_of_the_format_reads_what_the_library_writes() -> None:
    names, region = ("a/b", "manual__1+00:00", "{é} 100%"), UUID(int=1 << 100)
    master = Fernet.generate_key()
    options = {"encryption": "own", "encryption_keys": master.decode()}
    key = base64.urlsafe_b64decode(master)
    with (
        EmbeddedServer() as server,
        redis.Redis(unix_socket_path=str(server.socket_path)) as client,
    ):
        for index, backend in enumerate(
            (RedisStateBackend(url=server.url), RedisStateBackend(url=server.url, **options))
        ):
            for scope, place in (
                (TaskScope(*names), read_format.task_place("airflow", names)),
                (TaskScope(*names, 300), read_format.task_place("airflow", names, 300)),
                (
                    TaskScope(*names, 300, region),
                    read_format.task_place("airflow", names, 300, region),
                ),
                (AssetScope(asset_id=42), read_format.asset_place("airflow", "id", "42")),
                (
                    AssetScope(uri="s3://lake/"),
                    read_format.asset_place("airflow", "uri", "s3://lake/"),
                ),
            ):
                tomorrow = datetime.now(UTC) + timedelta(days=1)
                backend.set(scope, "job", f'"{index}"', expires_at=tomorrow)
                backend.set(scope, "\0odd", '"odd"')
                assert read_format.read(client, place, "job", key) == f'"{index}"'
                assert read_format.read(client, place, "\0odd", key) == '"odd"'
                assert read_format.read(client, place, "none", key) is None
            backend.close()


def test_the_reader_of_the_format_reads_no_value_after_its_end() -> None:
    for expires_at, text in ((1, None), (253402300799999999, "1")):
        raw = b"\xb0" + bytes(6) + expires_at.to_bytes(8, "big") + bytes(4) + b"1"
        store = type("Store", (), {"hget": lambda *_, raw=raw: raw})()
        assert read_format.read(store, ("page", ""), "key") == text
