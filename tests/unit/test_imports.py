"""That `lint-imports`, which `make lint` runs, sees every form of a wrong import."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import redis_state

ROOT = Path(redis_state.__file__).parents[1]

# Each is wrong in the module that it is planted in, and in another way.
UP = {
    "errors": "import redis_state.client",
    "scopes": "from redis_state import client",
    "config.settings": "from redis_state.client import nothing",
    "config.url": "from .. import client",
    "config.sources": "from ..client import nothing",
    "config.durability": "def later():\n    import redis_state.client as it",
    "format.envelope": "class Later:\n    def __init__(self):\n        from .. import client",
    "format.escapes": "if TYPE_CHECKING:\n    from redis_state import client",
    "format.compression": "try:\n    import redis_state.client\nexcept ImportError:\n    pass",
    "format.references": "import json, redis_state.client",
    "operations.reads": "from redis_state import (\n    scopes,\n    client,\n)",
    # By way of the package itself, which knows all rooms.
    "operations.writes": "import redis_state",
}
IN_THE_CLIENT = {
    "client.policy.pulse": "from redis_state.client.io import tls",
    "client.policy.slots": "def later():\n    from ..io import tls",
    "client.io.forks": "from redis_state.client._async import node",
    "client._async.node": "import redis_state.client._sync.node",
    "client._sync.node": "from redis_state.client.loops import LoopClients",
}
REDIS_PY = {
    "errors": "import redis",
    "scopes": "from redis import Redis",
    "config.settings": "import redis.asyncio",
    "format.layout": "from redis.asyncio.connection import Connection",
    "admin.rotation": "def later():\n    import redis as it",
    "backends.server": "if TYPE_CHECKING:\n    import redis",
}
AIRFLOW = {
    "errors": "import airflow.sdk",
    "airflow.bases": "from airflow import configuration",
    "backends.base": "def later():\n    from airflow.sdk import Variable",
}
PLANTED = {
    "Imports go down": UP,
    "Imports go down in the client": IN_THE_CLIENT,
    "Only the client knows redis-py": REDIS_PY,
    "Only the plug-in needs Airflow": AIRFLOW,
}


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    without = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "redis_state", tmp_path / "redis_state", ignore=without)
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    return tmp_path


def check(folder: Path) -> subprocess.CompletedProcess[str]:
    command = [str(Path(sys.executable).parent / "lint-imports"), "--no-cache", "--no-logo"]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


def test_the_imports_are_right_as_they_are(copy: Path) -> None:
    assert check(copy).returncode == 0


@pytest.mark.parametrize("contract", PLANTED)
def test_a_wrong_import_is_seen_in_every_form(copy: Path, contract: str) -> None:
    for module, line in PLANTED[contract].items():
        path = (copy / "redis_state").joinpath(*module.split(".")).with_suffix(".py")
        path.write_text(f"{path.read_text()}\n{line}\n")
    checked = check(copy)
    assert checked.returncode == 1
    _, _, broken = checked.stdout.partition(f"\n\n{contract}\n---")
    unseen = [name for name in PLANTED[contract] if f" redis_state.{name} -> " not in broken]
    assert unseen == [], checked.stdout


def test_a_new_room_has_to_have_its_place(copy: Path) -> None:
    (copy / "redis_state" / "cellar.py").touch()
    checked = check(copy)
    assert checked.returncode == 1
    assert "redis_state.cellar" in checked.stdout


@pytest.mark.parametrize(
    "line",
    ["from importlib import import_module", "import importlib\nimportlib.import_module('x')"],
)
def test_no_import_hides_in_a_string(copy: Path, line: str) -> None:
    path = copy / "redis_state" / "errors.py"
    ruff = [str(Path(sys.executable).parent / "ruff"), "check", "--select", "TID251", "redis_state"]
    assert subprocess.run(ruff, cwd=copy, check=False).returncode == 0
    path.write_text(f"{path.read_text()}\n{line}\n")
    assert subprocess.run(ruff, cwd=copy, check=False).returncode == 1
