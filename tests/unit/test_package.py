"""What the package offers, and what importing and building it takes."""

from __future__ import annotations

import inspect
import os
import re
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from importlib import resources
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import redis_state
from redis_state import BaseStateBackend, RedisStateBackend, errors
from tests.matrix import FIELD_FORM
from tests.support.topologies import Deployments

ROOT = Path(redis_state.__file__).parents[1]
PINS = sorted((ROOT / "requirements").glob("*.txt"))


def test_all_that_is_promised_can_be_had() -> None:
    for name in redis_state.__all__:
        assert getattr(redis_state, name).__module__.startswith(("redis_state", "types", "typing"))


def test_all_errors_are_offered_and_drawn() -> None:
    tree = {name for name, kind in vars(errors).items() if inspect.isclass(kind)}
    assert tree <= set(redis_state.__all__)
    assert errors.__doc__ is not None
    assert tree <= set(re.findall(r"\w+", errors.__doc__))


def test_a_name_that_is_not_there_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = redis_state.nothing


def imported_by(code: str, ahead: Path) -> set[str]:
    """Return what else than pytest and the standard library is imported, by the top of its name."""
    before = "import pytest, sys; before = set(sys.modules)"
    code = f"{before}; {code}; print(*set(sys.modules) - before)"
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(ahead), *sys.path])}
    shown = subprocess.check_output([sys.executable, "-c", code], text=True, env=environment)
    return {name.partition(".")[0] for name in shown.split()} - sys.stdlib_module_names


def test_importing_the_package_or_its_plugin_imports_nothing_else(tmp_path: Path) -> None:
    # Whoever tries to import it would find it, here as well.
    (tmp_path / "airflow").mkdir()
    (tmp_path / "airflow" / "__init__.py").touch()
    assert imported_by("import airflow", tmp_path) == {"airflow"}
    plugin = "import redis_state.testing.pytest_plugin"
    assert imported_by(plugin, tmp_path) == {"redis_state"}
    backend = "from redis_state import RedisStateBackend"
    assert {"redis", "pydantic"} < imported_by(backend, tmp_path / "airflow")


def test_construction_never_connects(servers: Deployments) -> None:
    code = """
import sys, redis_state
seen = []
sys.addaudithook(lambda event, _: seen.append(event) if event.startswith("socket.") else None)
backend = redis_state.RedisStateBackend(url=sys.argv[1], budget=60)
print(seen)
backend.get(redis_state.TaskScope("dag", "run", "task"), "key")
print("socket.connect" in seen)
"""
    command = [sys.executable, "-c", code, servers[FIELD_FORM].url]
    assert subprocess.check_output(command, text=True).split() == ["[]", "True"]


def test_the_backend_has_the_contract_and_no_method_without_its_twin() -> None:
    assert issubclass(RedisStateBackend, BaseStateBackend)
    methods = BaseStateBackend.__abstractmethods__ - {"cleanup"}
    sync = {method for method in methods if f"a{method}" in methods}
    assert methods == sync | {f"a{method}" for method in sync}
    for method in sync:
        twin = getattr(RedisStateBackend, f"a{method}")
        assert inspect.iscoroutinefunction(twin)
        assert inspect.signature(getattr(RedisStateBackend, method)) == inspect.signature(twin)


def test_each_module_is_short() -> None:
    modules = list((ROOT / "redis_state").rglob("*.py"))
    assert len(modules) > 50
    lengths = {path: len(path.read_text().splitlines()) for path in modules}
    assert [path for path, lines in lengths.items() if lines > 250] == []


def test_the_wheel_holds_the_scripts_the_types_the_page_and_the_plugin(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    subprocess.check_call(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
        points = next(name for name in names if name.endswith("entry_points.txt"))
        assert b"redis_state.testing.pytest_plugin" in archive.read(points)
    scripts = [path.name for path in (resources.files("redis_state.operations") / "lua").iterdir()]
    assert scripts
    assert all(f"redis_state/operations/lua/{script}" in names for script in scripts)
    page = ROOT / "redis_state" / "plugin" / "page"
    shown = [path for kind in ("templates", "static") for path in (page / kind).iterdir()]
    assert shown
    assert {str(path.relative_to(ROOT)) for path in shown} <= set(names)
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


def test_the_pins_satisfy_the_ranges() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"]
    texts = [*project["dependencies"], *(text for extra in extras.values() for text in extra)]
    ranges = {canonicalize_name(asked.name): asked.specifier for asked in map(Requirement, texts)}
    for file in PINS:
        pinned = {pin.name: str(pin.specifier).removeprefix("==") for pin in pins_of(file)}
        wrong = {name for name in ranges.keys() & pinned if pinned[name] not in ranges[name]}
        assert not wrong, file
        if file.stem == "dev":
            assert ranges.keys() <= pinned.keys()


def test_the_pins_are_whole_and_name_no_index() -> None:
    for file in PINS:
        assert pins_of(file)
        # No option but hashes, which each of them has; no address.
        before, *of_each = re.split(r"^(?=\w)", file.read_text(), flags=re.MULTILINE)
        assert re.fullmatch(r"(#.*\n)*", before), file
        for text in of_each:
            lines = text.split(" \\\n    ")
            assert re.fullmatch(r"[\w.-]+==[\w.+]+( ; .+)?", lines[0]), (file, lines[0])
            assert lines[1:], (file, lines[0])
            assert all(re.fullmatch(r"--hash=sha256:[0-9a-f]{64}\s*", line) for line in lines[1:])


def pins_of(file: Path) -> list[Requirement]:
    lines = re.findall(r"^\w.*", file.read_text(), flags=re.MULTILINE)
    return [Requirement(line.removesuffix("\\")) for line in lines]
