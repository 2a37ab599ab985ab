"""The set-up on another day: all that is pinned was released anew, and nothing changes.

Makes the environments in copies of this repository, with old pips and the newest, from an index
that has what is pinned and, of each, a newer release and another file of the same release. Runs
the demo and checks in one of them; with `--whole`, all of `make demo test`.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.support import fetch

ROOT = Path(__file__).parents[1]
PINS = sorted((ROOT / "requirements").glob("*.txt"))
# Python 3.11.0 brings the first. The newest is not pinned: here is where its news are heard.
# Each pip makes all environments, but of these, which take long, one of them makes each.
PIPS = {
    "pip==22.3": ("demo", "fuzz", "browser"),
    "pip==23.2": ("airflow", "postgresql", "plots"),
    "pip": ("airflow-next", "airflow-sdk"),
}
LARGE = {name for names in PIPS.values() for name in names}
# Nothing pins them, but what is built may ask for them.
TOOLS = ("pip", "setuptools", "wheel")
NEWER = "9999"
PAGE = "index.html"
# All that .gitignore names, which itself is needed.
MADE = [".git", ".venv*", ".servers", ".*_cache", ".coverage*", ".hypothesis", ".fuzz"]
MADE += ["__pycache__", "site", "dist"]
# What a shell or `make` may have set for this repository, and a copy must not take over.
OF_THIS_ONE = {"PYTHONPATH", "VIRTUAL_ENV", "MAKEFLAGS", "MFLAGS", "MAKELEVEL"}
AT_A_TIME = 4
ONLY_FILES = ["--no-deps", "--only-binary", ":all:"]
PIP = ["-m", "pip", "--disable-pip-version-check"]


class ChangedError(Exception):
    """Another day makes a difference."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--whole", action="store_true", help="run `make demo test`, 12 minutes")
    whole = parser.parse_args().whole
    with tempfile.TemporaryDirectory() as folder:
        index, pips = Path(folder) / "index", Path(folder) / "pips"
        fetch_pinned(index)
        release_anew(index)
        days = []
        for number, (pip, large) in enumerate(PIPS.items()):
            download(pips / str(number), pip)
            (wheel,) = (pips / str(number)).iterdir()
            pins = [file for file in PINS if file.stem in large or file.stem not in LARGE]
            days.append(Day(Path(folder) / str(number), wheel, index, pins))
        with ThreadPoolExecutor(2) as pool:
            list(pool.map(Day.check, days))
        days[0].run(whole=whole)
        days[0].expect_news()
        days[0].expect_advice()
        print("Nothing changes with", ", ".join(day.name for day in days))


def fetch_pinned(index: Path) -> None:
    pins = {pin for file in PINS if file.stem != "servers" for pin in pins_of(file)}
    # Of a name that has several versions, each goes to another part.
    parts = [sorted(pins)[part::AT_A_TIME] for part in range(AT_A_TIME)]

    def fetch_part(pins: list[str]) -> None:
        with tempfile.NamedTemporaryFile("w", suffix=".txt") as file:
            file.write("\n".join(pins))
            file.flush()
            download(index, "--requirement", file.name)

    with ThreadPoolExecutor(AT_A_TIME) as pool:
        list(pool.map(fetch_part, parts))
    if fetch.supported():
        fetch.download(index, ONLY_FILES)


def download(folder: Path, *what: str) -> None:
    command = [sys.executable, *PIP, "download", "-qq", *ONLY_FILES, "--dest", str(folder), *what]
    subprocess.run(command, check=True)


def release_anew(index: Path) -> None:
    for name, version in {(pin.name, version_of(pin)) for file in PINS for pin in read(file)}:
        write_wheel(index, name, NEWER)
        write_wheel(index, name, version, f"-{NEWER}")
    for name in TOOLS:
        write_wheel(index, name, NEWER)
    # With their hashes, as indexes list them.
    links = [
        f'<a href="{file.name}#sha256={sha256(file.read_bytes()).hexdigest()}">{file.name}</a>'
        for file in index.iterdir()
    ]
    (index / PAGE).write_text("<!DOCTYPE html>" + "\n".join(links))


def write_wheel(index: Path, name: str, version: str, build: str = "") -> None:
    """Write a wheel that can be installed and has nothing in it."""
    stem = f"{name.replace('-', '_')}-{version}"
    with zipfile.ZipFile(index / f"{stem}{build}-py3-none-any.whl", "w") as wheel:
        head = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
        wheel.writestr(f"{stem}.dist-info/METADATA", head)
        tags = "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        wheel.writestr(f"{stem}.dist-info/WHEEL", tags)
        wheel.writestr(f"{stem}.dist-info/RECORD", "")


def pins_of(file: Path) -> list[str]:
    """Return what the file pins, each with its hashes."""
    return re.findall(r"^\w.*(?:\n .*)*", file.read_text(), flags=re.MULTILINE)


def read(file: Path) -> Iterator[Requirement]:
    for pin in pins_of(file):
        yield Requirement(pin.split("\\")[0])


def version_of(pin: Requirement) -> str:
    return str(pin.specifier).removeprefix("==")


def named(name: str, version: str) -> str:
    return f"{canonicalize_name(name)} {version}"


class Day:
    """A copy of this repository, for a Python that brings this pip and knows that index alone."""

    def __init__(self, folder: Path, pip: Path, index: Path, pins: list[Path]) -> None:
        self.name = " ".join(pip.name.split("-")[:2])
        self._folder = folder
        self._pins = pins
        alone = {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(index / PAGE)}
        inherited = {name: value for name, value in os.environ.items() if name not in OF_THIS_ONE}
        # Most of what is installed never runs.
        self._environment = inherited | alone | {"PIP_NO_COMPILE": "1"}
        shutil.copytree(ROOT, folder, ignore=shutil.ignore_patterns(*MADE))
        self._python = folder / "python"
        self._python.write_text(
            f'#!/bin/sh\n"{sys.executable}" "$@" || exit\n'
            f'[ "$1 $2" != "-m venv" ] || "$3/bin/python" {" ".join(PIP)} install -qq "{pip}"\n'
        )
        self._python.chmod(0o755)

    def check(self) -> None:
        made = self._make(*map(environment_of, self._pins))
        if made.returncode:
            raise ChangedError(f"{self.name}: {made.stderr[-2000:]}")
        for pins in self._pins:
            # The servers are no distributions: an empty one cannot be unpacked.
            if pins.stem != "servers":
                pinned = filter(for_this_python, read(pins))
                wanted = {named(pin.name, version_of(pin)) for pin in pinned}
                if different := wanted ^ self._installed(environment_of(pins)):
                    raise ChangedError(f"{self.name}, {pins.name}: {sorted(different)}")

    def run(self, *, whole: bool) -> None:
        """Run the demo and what is quick, or the whole of `make test`."""
        make = ["make", "--no-print-directory", f"PYTHON={self._python}"]
        unit = [".venv/bin/python", "-m", "pytest", "-q", "-n", "2", "tests/unit"]
        checks = [[*make, "demo", "lint", "types", "docs"], unit]
        for command in [[*make, "demo", "test"]] if whole else checks:
            subprocess.run(command, cwd=self._folder, env=self._environment, check=True)

    def expect_news(self) -> None:
        """Make sure that pip would take what is newer, if it might."""
        command = [*PIP, "download", "-qq", "--no-deps", "redis", "--dest", "news"]
        self._ask(sys.executable, *command).check_returncode()
        if not list((self._folder / "news").glob(f"redis-{NEWER}-*")):
            raise ChangedError("The other day's index offers nothing new, so it proves nothing")

    def expect_advice(self) -> None:
        """Make sure that who changes the pins is told what is wrong with them."""
        incomplete = self._folder / "requirements" / "fuzz.txt"
        text = incomplete.read_text()
        incomplete.write_text(
            re.sub(r"^typing-extensions==(.*\n)( .*\n)*", "", text, flags=re.MULTILINE)
        )
        self._expect("Not complete", environment_of(incomplete))
        changed = self._folder / "requirements" / "redis-7.txt"
        changed.write_text(changed.read_text().replace(":", ":0"))
        self._expect("Not installed", environment_of(changed))

    def _expect(self, advice: str, environment: str) -> None:
        made = self._make(environment)
        if not made.returncode or f"{advice}, see above: " not in made.stderr:
            raise ChangedError(f"{environment} was to be {advice}: {made.stderr}")

    def _installed(self, environment: str) -> set[str]:
        of_its_own = self._folder / environment / "bin" / "python"
        if of_its_own.exists():
            frozen = self._ask(str(of_its_own), *PIP, "freeze", "--exclude-editable")
        else:
            frozen = self._ask(sys.executable, *PIP, "freeze", "--path", environment)
        return {named(*line.split("==")) for line in frozen.stdout.split()}

    def _make(self, *environments: str) -> subprocess.CompletedProcess[str]:
        targets = [f"{environment}/ready" for environment in environments]
        return self._ask("make", "--no-print-directory", f"PYTHON={self._python}", *targets)

    def _ask(self, *command: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            command,
            cwd=self._folder,
            env=self._environment,
            capture_output=True,
            text=True,
            check=False,
        )


def environment_of(pins: Path) -> str:
    return {"dev": ".venv", "servers": ".servers"}.get(pins.stem, f".venv-{pins.stem}")


def for_this_python(pin: Requirement) -> bool:
    return pin.marker is None or pin.marker.evaluate()


if __name__ == "__main__":
    main()
