"""What the package offers, and what importing and building it takes."""

from __future__ import annotations

import inspect
import re
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from importlib import resources
from pathlib import Path

import pytest

import redis_state
from redis_state import BaseStateBackend, RedisStateBackend, errors
from redis_state.client._sync import client

ROOT = Path(redis_state.__file__).parents[1]


def test_all_that_is_promised_can_be_had() -> None:
    for name in redis_state.__all__:
        assert getattr(redis_state, name).__module__.startswith(("redis_state", "types", "typing"))
    assert set(redis_state.__all__) <= set(dir(redis_state))


def test_all_errors_are_offered_and_drawn() -> None:
    tree = {name for name, kind in vars(errors).items() if inspect.isclass(kind)}
    assert tree <= set(redis_state.__all__)
    assert errors.__doc__ is not None
    assert all(name in errors.__doc__ for name in tree)


def test_a_name_that_is_not_there_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = redis_state.nothing


def test_importing_the_package_or_its_plugin_imports_nothing_heavy() -> None:
    code = (
        "import sys, redis_state, redis_state.testing.pytest_plugin;"
        "print([name for name in ('airflow', 'redis', 'pydantic') if name in sys.modules])"
    )
    shown = subprocess.check_output([sys.executable, "-c", code], text=True)
    assert "airflow" not in shown
    assert "'redis'" not in shown
    assert "pydantic" not in shown


def test_construction_never_connects(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "open_link", lambda *_: pytest.fail("it connected"))
    RedisStateBackend(url="redis://192.0.2.1:1")


def test_the_backend_has_the_contract_and_no_verb_without_its_twin() -> None:
    assert issubclass(RedisStateBackend, BaseStateBackend)
    verbs = BaseStateBackend.__abstractmethods__ - {"cleanup"}
    sync = {verb for verb in verbs if f"a{verb}" in verbs}
    assert verbs == sync | {f"a{verb}" for verb in sync}
    for verb in sync:
        twin = getattr(RedisStateBackend, f"a{verb}")
        assert inspect.iscoroutinefunction(twin)
        assert inspect.signature(getattr(RedisStateBackend, verb)) == inspect.signature(twin)


def test_each_module_is_short_and_imports_point_down() -> None:
    layers = ["errors", "scopes", "airflow", "config", "format", "operations", "client", "admin",
              "backends", "provider", "testing", "cli", "__main__"]  # fmt: skip
    in_the_client = [["policy"], ["io"], ["_async", "_sync"], ["loops"]]
    for path in (ROOT / "redis_state").rglob("*.py"):
        text = path.read_text()
        assert len(text.splitlines()) <= 250, path
        own = path.relative_to(ROOT / "redis_state").parts[0].removesuffix(".py")
        if own == "__init__":
            continue
        forbidden = [f"redis_state.{above}" for above in layers[layers.index(own) + 1 :]]
        if own == "client" and path.stem != "__init__":
            room = path.relative_to(ROOT / "redis_state" / "client").parts[0].removesuffix(".py")
            floor = next(floor for floor, rooms in enumerate(in_the_client) if room in rooms)
            above = [name for rooms in in_the_client[floor + 1 :] for name in rooms]
            forbidden += [f"redis_state.client.{name}" for name in above]
        for name in forbidden:
            assert f"{name} " not in text, f"{path} imports {name}"
            assert f"{name}." not in text, f"{path} imports {name}"


def test_only_the_client_knows_redis_py() -> None:
    for path in (ROOT / "redis_state").rglob("*.py"):
        if "client" not in path.relative_to(ROOT).parts:
            text = path.read_text()
            assert "import redis\n" not in text, path
            assert "from redis " not in text, path
            assert "from redis." not in text, path


def test_the_wheel_holds_the_scripts_the_types_and_the_plugin(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    subprocess.check_call(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
        points = next(name for name in names if name.endswith("entry_points.txt"))
        assert b"redis_state.testing.pytest_plugin" in archive.read(points)
    scripts = [path.name for path in (resources.files("redis_state.operations") / "lua").iterdir()]
    assert all(f"redis_state/operations/lua/{script}" in names for script in scripts)
    assert "redis_state/py.typed" in names
    assert not [name for name in names if name.startswith("tests")]


def test_the_readme_leads_somewhere_wherever_it_is_read(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "hatchling", "build", "-d", str(tmp_path)]
    subprocess.check_call(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        (metadata,) = (name for name in archive.namelist() if name.endswith("/METADATA"))
        alone = archive.read(metadata).decode()
    assert "Install and configure (`docs/install.md`)" in alone
    assert not re.findall(r"\]\((?!https?://)", alone)
    (sdist,) = tmp_path.glob("*.tar.gz")
    with tarfile.open(sdist) as archive:
        beside = {name.split("/", 1)[-1] for name in archive.getnames()}
    links = re.findall(r"\]\((?!https?://)([^)#]+)", (ROOT / "README.md").read_text())
    assert links
    assert set(links) <= beside


def test_the_version_stands_in_the_changelog_or_is_unreleased() -> None:
    changelog = (ROOT / "CHANGELOG.md").read_text()
    assert f"## [{redis_state.__version__}]" in changelog or "## [Unreleased]" in changelog


def test_the_pins_satisfy_the_ranges_and_name_no_index() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert {"redis>=5.1,<9", "hiredis>=3.2,<4", "pydantic>=2.7,<3"} == set(project["dependencies"])
    for pins in (ROOT / "requirements").glob("*.txt"):
        text = pins.read_text()
        assert "://" not in text, pins
        assert "index" not in text.replace("importlib", ""), pins
        lines = [line for line in text.splitlines() if line and not line.startswith((" ", "#"))]
        assert lines
        assert all("==" in line for line in lines)
        assert text.count("--hash=sha256:") >= len(lines)
