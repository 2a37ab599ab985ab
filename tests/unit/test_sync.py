"""That the client for threads is what the one of an event loop makes: `make lint` tells if not."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import redis_state

ROOT = Path(redis_state.__file__).parents[1]
CLIENT = Path("redis_state", "client")


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    for room in ("_async", "_sync"):
        shutil.copytree(ROOT / CLIENT / room, tmp_path / CLIENT / room)
    shutil.copytree(ROOT / "tools", tmp_path / "tools")
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    return tmp_path


def sync(copy: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "tools.sync", *arguments]
    return subprocess.run(command, cwd=copy, capture_output=True, text=True, check=False)


def modules(copy: Path) -> dict[str, str]:
    return {path.name: path.read_text() for path in (copy / CLIENT / "_sync").glob("*.py")}


def test_what_is_committed_is_what_would_be_made_and_says_so(copy: Path) -> None:
    assert sync(copy, "--check").returncode == 0
    committed = modules(copy)
    for path in (copy / CLIENT / "_sync").iterdir():
        path.unlink()
    assert sync(copy).returncode == 0
    assert modules(copy) == committed
    assert all("make sync" in text.splitlines()[0] for text in committed.values())


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("_async/node.py", "\nasync def more() -> None: ...\n"),
        ("_sync/node.py", "\ndef more() -> None: ...\n"),
        ("_async/more.py", '"""More."""\n'),
        ("_sync/more.py", '"""More."""\n'),
    ],
)
def test_a_difference_fails_and_says_what_to_do(copy: Path, path: str, text: str) -> None:
    with (copy / CLIENT / path).open("a") as module:
        module.write(text)
    checked = sync(copy, "--check")
    assert checked.returncode == 1
    assert path.removeprefix("_async/").removeprefix("_sync/") in checked.stderr
    assert "make sync" in checked.stderr
    assert sync(copy).returncode == 0
    assert sync(copy, "--check").returncode == 0


def test_a_word_of_the_loop_that_has_none_for_threads_is_named(copy: Path) -> None:
    (copy / CLIENT / "_async" / "more.py").write_text('"""More."""\nimport asyncio\n')
    made = sync(copy)
    assert made.returncode == 1
    assert "more.py:2: asyncio" in made.stderr
